"""Groups: their means, and what is said of their differences."""

from __future__ import annotations

import numpy as np

from anymask.evaluation.measures.groups import Comparison, by_value, statement
from anymask.evaluation.result import Row
from tests.evaluation.measures.scripted_groups import of_groups


def test_masks_of_a_value_are_a_group() -> None:
    young, older = by_value(of_groups({"young": 0.7, "older": 0.5}, images=12)[::-1])[::-1]
    assert (young.label, older.label) == ("age=young", "age=older")
    assert len(young.images) == 12
    assert young.mean(1) > older.mean(1)
    assert young.lead(older, 1, Comparison().bootstrap).low > 0


def test_a_group_has_intervals_where_there_are_masks_and_images_enough() -> None:
    (group,) = by_value(of_groups({"young": 0.7}, images=12))
    intervals = group.intervals(Comparison())
    assert list(intervals) == [1, 3]
    assert intervals[1].low < group.mean(1) < intervals[1].high
    assert group.intervals(Comparison(fewest=13)) == {}
    assert group.intervals(Comparison(fewest_images=13)) == {}


def test_masks_without_attributes_are_in_no_group() -> None:
    rows: list[Row] = [{"image": "a", "mask": 3, "unknown": True}]
    assert by_value(rows) == []
    assert statement(rows) == ["Masks of the table that their images don't have: a 3."]


def test_of_pairs_that_do_not_overlap_the_difference_is_told() -> None:
    said = statement(of_groups({"young": 0.7, "old": 0.5}))
    (apart,) = [one for one in said if "don't overlap" in one]
    assert apart.startswith("age at 1 point: young and old")
    assert "young is 2" in apart
    assert any(one.startswith("age at 3 points: the intervals overlap") for one in said)
    assert any("does not show that the values are equal" in one for one in said)


def test_overlap_is_not_taken_for_equality_where_the_same_images_tell_otherwise() -> None:
    rng = np.random.default_rng(0)
    images = rng.uniform(0.2, 0.9, 60)
    rows: list[Row] = [
        {"image": f"{k}", "mask": 0, "iou_1": iou + by, "iou_3": iou, "attributes": {"age": value}}
        for value, by in (("young", 0.02), ("old", 0.0))
        for k, iou in enumerate(images)
    ]
    said = statement(rows)
    assert any("overlap, but the interval of their difference leaves out 0" in one for one in said)


def test_small_groups_are_said_to_be_too_small() -> None:
    rows = of_groups({"young": 0.7, "old": 0.5}) + of_groups({"middle": 0.5}, images=3)
    assert "age: no interval for middle (3 masks in 3 images)." in statement(rows)
    assert "too few masks" in statement(of_groups({"a": 0.5, "b": 0.6}, images=3))[0]


def test_many_values_are_told_in_short() -> None:
    said = statement(of_groups({f"{k:02}": 0.4 + 0.02 * k for k in range(20)}))
    assert len(said) == 4
    assert "14 others" in said[0]
    assert "of 190 pairs" in said[1]
