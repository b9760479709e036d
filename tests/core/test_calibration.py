"""Calibration: worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.calibration import (
    OFFICIAL_THRESHOLDS,
    expected_error,
    found_share,
    read_thresholds,
    reliability,
    suggested_thresholds,
)
from anymask.errors import Error


def test_bins_hold_the_means_of_what_falls_in_them() -> None:
    predicted, actual = np.array([0.12, 0.18, 0.95, 1.2, -0.1]), np.array([0.3, 0.1, 0.9, 0.7, 0.0])
    rows = reliability(predicted, actual)
    assert [(row.low, row.count) for row in rows] == [(0.0, 1), (0.1, 2), (0.9, 2)]
    assert rows[1].predicted == pytest.approx(0.15)
    assert rows[1].actual == pytest.approx(0.2)
    assert rows[2].predicted == pytest.approx(1.075)


def test_the_expected_error_weighs_bins_by_their_masks() -> None:
    predicted = np.array([0.9, 0.9, 0.9, 0.2])
    actual = np.array([0.5, 0.7, 0.6, 0.2])
    assert expected_error(predicted, actual) == pytest.approx(0.75 * 0.3)
    assert expected_error(actual, actual) == 0
    with pytest.raises(Error, match="no masks"):
        expected_error(np.array([]), np.array([]))
    with pytest.raises(Error, match="not finite"):
        expected_error(np.array([np.nan]), np.array([1.0]))
    with pytest.raises(Error, match="no pairs"):
        expected_error(predicted, actual[:2])


def test_the_suggested_thresholds_weigh_objects_found_against_masks_that_are_right() -> None:
    # Two objects are found by sure, stable masks, a third by one that is less sure than five wrong
    # ones: with it 3 of 3 objects and 3 of 8 masks (F 0.55), without it 2 of 3 and 2 of 2 (0.8).
    predicted = np.array([[0.8, 0.41, 0.2], [0.7, 0.41, 0.41], [0.405, 0.41, 0.42]])
    stability = np.array([[0.9, 0.8, 0.1], [0.85, 0.8, 0.8], [0.8, 0.8, 0.8]])
    actual = np.array([[0.9, 0.1, 0.1], [0.8, 0.3, 0.1], [0.6, 0.2, 0.1]])
    thresholds = suggested_thresholds(predicted, stability, actual)
    assert thresholds == {"pred_iou_thresh": 0.69, "stability_score_thresh": 0.85}
    thresholds = suggested_thresholds(predicted, stability, actual, at_least=0.9)
    assert thresholds == {"pred_iou_thresh": 0.4, "stability_score_thresh": 0.8}


def test_as_many_as_can_be_are_found_where_more_are_wanted() -> None:
    predicted = stability = np.array([[0.9], [0.5], [0.7]])
    actual = np.array([[0.9], [0.1], [0.8]])
    wanted = {"pred_iou_thresh": 0.69, "stability_score_thresh": 0.7}
    assert suggested_thresholds(predicted, stability, actual, at_least=1.0) == wanted
    assert found_share(predicted, stability, actual, wanted) == pytest.approx(2 / 3)


def test_they_are_never_stricter_than_the_official_ones() -> None:
    sure, right = np.full((5, 3), 0.99), np.full((5, 3), 0.95)
    assert suggested_thresholds(sure, sure, right) == OFFICIAL_THRESHOLDS


def test_there_are_none_where_nothing_is_found() -> None:
    assert suggested_thresholds(*np.full((3, 4, 3), 0.4)) == {}


def test_thresholds_of_a_file_are_checked() -> None:
    assert read_thresholds(None) == {}
    assert read_thresholds({"pred_iou_thresh": 0.5}) == {"pred_iou_thresh": 0.5}
    for wrong in ({"box_nms_thresh": 0.5}, {"pred_iou_thresh": 2}, {"pred_iou_thresh": "x"}):
        with pytest.raises(ValueError, match=r"."):
            read_thresholds(wrong)
