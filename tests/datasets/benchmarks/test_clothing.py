"""Clothing Co-Parsing: classes in MATLAB files, and their names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from anymask.datasets.benchmarks import clothing
from anymask.datasets.listing import list_files
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Sample
from anymask.errors import MissingExtraError
from tests.datasets.pictures import blank, boxes, number_of, read_whole, save

NAMES = np.array(["null", "bag", "coat"], dtype=object)


def matlab(path: Path, **variables: Any) -> None:
    """A MATLAB file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables)


def test_classes_by_name(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        save(tmp_path / "photos" / f"{name}.jpg")
    pixels = tmp_path / "annotations" / "pixel-level"
    matlab(pixels / "1.mat", groundtruth=boxes(2, 1, 7))
    matlab(tmp_path / "annotations" / "image-level" / "2.mat", tags=[1])
    dataset = clothing.read(list_files(str(tmp_path)))
    assert dataset
    assert dataset.kind == "clothing classes"
    one, three = read_whole(dataset)
    assert one.name == "photos/1.jpg"
    assert number_of(one) == {0: "2", 1: "1", 2: "7"}
    assert three == Unread("photos/3.jpg", "has no picture of its masks")
    matlab(tmp_path / "label_list.mat", label_list=NAMES)
    one, _ = read_whole(clothing.read(list_files(str(tmp_path))))
    assert number_of(one) == {0: "coat", 1: "bag", 2: "7"}


def test_regions_of_a_class(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "1.jpg")
    matlab(tmp_path / "annotations" / "pixel-level" / "1.mat", groundtruth=boxes(2, 2))
    (one,) = read_whole(clothing.read(list_files(str(tmp_path)), split_regions=True))
    assert number_of(one) == {0: "2", 1: "2"}


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"groundtruth": blank()}, "has no object in its mask"),
        ({"other": blank()}, "annotations/pixel-level/1.mat has no groundtruth"),
        (
            {"groundtruth": np.full((24, 32), 0.5)},
            "annotations/pixel-level/1.mat holds no labels: an array (24, 32) of float64",
        ),
        (
            {"groundtruth": np.array([], np.uint8)},
            "annotations/pixel-level/1.mat holds no labels: an array (0, 0) of uint8",
        ),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, variables: dict[str, Any], reason: str) -> None:
    save(tmp_path / "photos" / "1.jpg")
    matlab(tmp_path / "annotations" / "pixel-level" / "1.mat", **variables)
    assert read_whole(clothing.read(list_files(str(tmp_path)))) == [Unread("photos/1.jpg", reason)]


def test_a_broken_list_of_names_is_named_and_numbers_stand(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "1.jpg")
    matlab(tmp_path / "annotations" / "pixel-level" / "1.mat", groundtruth=boxes(2))
    for broken in (False, True):
        matlab(tmp_path / "label_list.mat", other=[1])
        if broken:
            (tmp_path / "label_list.mat").write_bytes(b"MATLAB")
        dataset = clothing.read(list_files(str(tmp_path)))
        assert dataset
        found = {one.name: one for part in dataset.parts for one in part.read()}
        assert number_of(found["photos/1.jpg"]) == {0: "2"}
        assert isinstance(found["label_list.mat"], Unread)


def test_photos_alone_are_something_else(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "1.jpg")
    assert clothing.read(list_files(str(tmp_path))) is None


def test_without_scipy_the_extra_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "photos" / "1.jpg")
    matlab(tmp_path / "annotations" / "pixel-level" / "1.mat", groundtruth=boxes(2))
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"scipy.*anymask\[evaluate\]"):
        clothing.read(list_files(str(tmp_path)))


@pytest.mark.data
def test_real_clothes(data_folder: Path) -> None:
    if not (data_folder / "ccp120").is_dir():
        pytest.skip("ccp120 is not here")
    samples = read_whole(clothing.read(list_files(str(data_folder / "ccp120"))))
    assert len(samples) == 120
    groups = [group for one in samples if isinstance(one, Sample) for group in one.groups]
    assert len(groups) == 890
    assert {"skin", "hair"} <= set(groups)
    assert "null" not in groups
