"""Mixtures: several datasets as one, each with its kind and its weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Part, Sample
from anymask.errors import DatasetError
from anymask.training.feed import Feed
from tests.datasets.pictures import save
from tests.training.scripted import dataset, write_folder

LABELS = np.array([[0, 0, 0, 0], [0, 3, 3, 0], [0, 7, 7, 0], [0, 0, 0, 0]], np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sets: discs, a picture for each; and classes that have numbers."""
    write_folder(tmp_path / "discs", 3)
    for name in ("a", "b"):
        save(tmp_path / "streets/images" / f"{name}.png", np.zeros((4, 4, 3), np.uint8))
        save(tmp_path / "streets/masks" / f"{name}.png", LABELS)
    return tmp_path


def mixed(folder: Path, *entries: dict[str, Any]) -> str:
    path = folder / "mixture.json"
    path.write_text(json.dumps({"mixture": entries}))
    return str(path)


BOTH = (
    {"data": "discs", "kind": "medical", "weight": 3},
    {"data": "streets/", "kind": "semantic", "name": "town"},
)


def samples(parts: tuple[Part, ...]) -> list[Sample]:
    return [one for part in parts for one in part.samples() if isinstance(one, Sample)]


def test_sets_keep_their_names_kinds_and_weights(folder: Path) -> None:
    opened = open_dataset(mixed(folder, *BOTH))
    assert opened.kind == "a mixture of discs (mask pictures), town (mask pictures)"
    read = samples(opened.parts)
    assert [one.name.split("/")[0] for one in read] == ["discs"] * 3 + ["town"] * 2
    assert {one.kind for one in read[:3]} == {"medical"}
    # What has no name is what the set is about; numbers mean something in their own set alone.
    assert set(read[0].groups) == {"discs"}
    assert set(read[-1].groups) == {"town 3", "town 7"}
    weights = {part.name.split("/")[0]: part.weight for part in opened.parts}
    assert weights == {"discs": 1.0, "town": 0.5}


def test_other_weights_are_other_data(folder: Path) -> None:
    first = open_dataset(mixed(folder, *BOTH)).fingerprint
    assert open_dataset(mixed(folder, *BOTH)).fingerprint == first
    assert open_dataset(mixed(folder, {**BOTH[0], "weight": 2}, BOTH[1])).fingerprint != first


def test_single_objects_are_of_no_class(folder: Path) -> None:
    (first, *_) = samples(open_dataset(mixed(folder, {"data": "discs"})).parts)
    assert first.kind == "instance"
    assert set(first.groups) == {None}


def test_a_feed_draws_by_weight(folder: Path) -> None:
    opened = open_dataset(mixed(folder, {**BOTH[0], "weight": 9}, BOTH[1]))
    with Feed(opened, lambda sample, rng: sample.name, seed=1) as feed:
        names = [str(next(feed).scene) for _ in range(200)]
    share = sum(name.startswith("discs/") for name in names) / 200
    assert 0.82 < share < 0.97
    with Feed(opened, lambda sample, rng: sample.name, seed=1) as feed:
        assert [str(next(feed).scene) for _ in range(200)] == names


def test_a_feed_without_weights_is_as_before() -> None:
    with Feed(dataset(5), lambda sample, rng: sample.name, seed=3) as feed:
        served = [served.scene for served in feed.first_epoch()]
    order = np.random.default_rng([3, 0, 0]).permutation(5)
    assert served == [f"{number}.png" for number in order]


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([], "not empty"),
        ([{"kind": "semantic"}], "says where its data is"),
        ([{"data": "discs", "kind": "odd"}], "of the kind odd, none of instance"),
        ([{"data": "discs", "weight": 0}], "weight of discs must be above 0"),
        ([{"data": "discs", "wieght": 2}], "wieght is no field"),
        ([{"data": "discs"}, {"data": "discs/"}], "two datasets of one name"),
        ([{"data": "gone"}], "gone"),
        ([{"data": "mixture.json"}], "a mixture of itself"),
    ],
)
def test_what_is_no_mixture(folder: Path, entries: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(DatasetError, match=complaint):
        open_dataset(mixed(folder, *entries))
