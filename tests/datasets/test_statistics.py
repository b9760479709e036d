"""Facts of datasets: what is counted, and what can't be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import VOID_GROUP, Dataset, Part, Sample
from anymask.datasets.statistics import facts_of
from anymask.errors import ImageError
from anymask.evaluation.report.cards import data_card
from tests.evaluation.scripted_segmenter import SIDE, rectangle, sample


def dataset_of(*members: Sample | Unread | Exception) -> Dataset:
    def read(one: Sample | Unread | Exception) -> Iterator[Sample | Unread]:
        if isinstance(one, Exception):
            raise one
        yield one

    parts = [Part(getattr(one, "name", "raises.png"), partial(read, one)) for one in members]
    return Dataset("somewhere/else/", "a test", tuple(parts))


def test_facts_are_counted_and_broken_images_named() -> None:
    squares = [rectangle(0, 8, 0, 8), rectangle(0, 16, 0, 16), rectangle(20, 60, 20, 60)]
    whole = sample(squares, ["cat", "dog", VOID_GROUP], "whole.png")
    other = sample(squares[:1], ["cat"], "other.png")
    truncated = replace(other, name="truncated.png", content=other.content[:40])
    lost, raises = Unread("lost.png", "is missing"), ImageError("raises.png is bad")
    facts = facts_of(dataset_of(whole, other, truncated, lost, raises))
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["data"], facts["data_kind"]) == ("else", "a test")
    assert (facts["images"], facts["masks"], facts["undecided"]) == (2, 3, 1)
    assert facts["masks_per_image"] == {
        "lowest": 1, "5 %": 1.05, "median": 1.5, "95 %": 1.95, "highest": 2,
    }  # fmt: skip
    assert facts["mask_share"]["highest"] == pytest.approx(256 / SIDE**2)
    assert facts["mask_px"]["median"] == 64
    assert facts["names"] == {"cat": 2, "dog": 1}
    assert facts["broken"]["number"] == 3
    assert set(facts["broken"]) == {"number", "truncated.png", "lost.png", "raises.png"}
    assert facts["broken"]["raises.png"] == "is bad"


def test_annotations_that_are_left_out_are_no_broken_images() -> None:
    whole = sample([rectangle(0, 8, 0, 8)], ["cat"], "a.png")
    notes = (LeftOut("x.json", "2 crowds are left out", 2),)
    data = replace(dataset_of(whole, LeftOut("a.png", "annotation 7 is left out", 1)), notes=notes)
    facts = facts_of(data)
    assert (facts["images"], facts["broken"]) == (1, 0)
    assert facts["left_out"] == {
        "number": 3,
        "x.json: 2 crowds are left out": 2,
        "a.png: annotation 7 is left out": 1,
    }
    assert "Annotations left out of images that can be read" in data_card([], facts, {})
    assert facts_of(dataset_of(whole))["left_out"] == 0


def test_images_need_not_be_opened() -> None:
    one = sample([rectangle(0, 8, 0, 8)], ["cat"], "a.png")
    truncated = replace(one, content=one.content[:40])
    assert facts_of(dataset_of(truncated), open_images=False)["images"] == 1


def test_a_dataset_of_which_nothing_can_be_read_has_facts() -> None:
    facts = facts_of(dataset_of(Unread("lost.png", "is missing")))
    assert (facts["images"], facts["masks"], facts["mask_px"]) == (0, 0, {})
    assert "**Area of masks (pixels):** not known" in data_card([], facts, {})


def test_of_many_names_the_most_frequent_are_told() -> None:
    squares = [rectangle(0, 8, 0, 8)] * 15
    names = [f"kind {min(number, 11):02}" for number in range(15)]
    facts = facts_of(dataset_of(sample(squares, names)))
    assert len(facts["names"]) == 11
    assert facts["names"]["kind 11"] == 4
    assert facts["names"]["of 2 other names"] == 2


@pytest.mark.data
def test_facts_of_real_images(data_folder: Path) -> None:
    facts = facts_of(open_dataset(str(data_folder / "davis4")), open_images=False)
    assert facts["images"] == 240
    assert facts["masks"] >= facts["images"]
    assert 0 < facts["mask_share"]["median"] < 0.5
