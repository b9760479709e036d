"""The trial: what can be read of a dataset is counted, and what can't is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.errors import ImageError
from anymask.training import trial
from anymask.training.trial import try_out
from tests.training.scripted import dataset, sample


def fine(_sample: Sample) -> None:
    """Everything can be learned from."""


def test_all_that_can_be_read_is_counted() -> None:
    whole = try_out(dataset(6, broken=(1, 4)), fine)
    assert (whole.parts, whole.tried, whole.images, whole.masks) == (6, 6, 4, 12)
    assert str(whole) == "4 images with 12 masks"
    (line,) = whole.doubts()
    assert line.startswith("2 of 6 images can't be read: ")
    assert "4.png: is broken" in line
    assert try_out(dataset(1), fine).doubts() == []


def test_what_the_recipe_has_no_use_for_is_no_promise() -> None:
    def refuse(given: Sample) -> None:
        if given.name == "2.png":
            raise ImageError("2.png has no mask to learn from: all are empty or too large")

    (line,) = try_out(dataset(3), refuse).doubts()
    assert line == (
        "1 of 3 images can't be read: 2.png: has no mask to learn from: all are empty or too large"
    )


@pytest.mark.parametrize("first", [True, False])
def test_masks_that_cant_be_read_are_no_images(first: bool) -> None:
    def read() -> Iterator[Sample | Unread]:
        lost = Unread("0.png, annotation 7", "has no polygon")
        both: tuple[Sample | Unread, ...] = (lost, sample(0))
        yield from (both if first else both[::-1])

    tried = try_out(Dataset("x", "COCO annotations", (Part("0.png", read),)), fine)
    assert str(tried) == "1 image with 3 masks"
    assert tried.doubts() == ["1 mask can't be read: 0.png, annotation 7: has no polygon"]


def test_large_datasets_are_tried_by_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "ENOUGH", 4)
    clock = count(step=10.0)
    tried = try_out(dataset(30), fine, lambda: next(clock))
    assert (tried.images, str(tried)) == (4, "30 images")
    assert tried.doubts() == ["4 images of them tried: 4 can be read, with 12 masks"]
    again = replace(dataset(30), parts=dataset(30).parts[::-1])
    assert try_out(again, fine, lambda: 0.0).images == 30


def test_shards_hold_more_than_is_tried() -> None:
    data = dataset(60, per_part=30)
    parts = tuple(replace(part, name=f"{part.name}.tar") for part in data.parts)
    tried = try_out(replace(data, parts=parts), fine)
    assert str(tried) == "2 shards"
    assert tried.doubts() == ["40 images of them tried: 40 can be read, with 120 masks"]
