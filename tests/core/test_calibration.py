"""Calibration: worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.calibration import (
    OFFICIAL_THRESHOLDS,
    expected_error,
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


def test_the_suggested_thresholds_leave_98_percent_of_what_can_be_found() -> None:
    scores = 0.305 + 0.005 * np.arange(100)  # each a found object's surest mask
    predicted = np.stack([scores, np.full(100, 0.99), scores - 0.3], axis=1)
    actual = np.tile([0.8, 0.1, 0.1], (100, 1))  # the surest mask of all is wrong, but unstable
    stability = np.tile([0.7, 0.3, 0.9], (100, 1))
    found = suggested_thresholds(predicted, stability, actual)
    assert found["stability_score_thresh"] == 0.7  # the strictest that keeps them all
    assert (scores > found["pred_iou_thresh"]).sum() >= 98
    assert (scores > found["pred_iou_thresh"] + 0.01).sum() < 98


def test_they_are_never_stricter_than_the_official_ones() -> None:
    sure, right = np.full((5, 3), 0.99), np.full((5, 3), 0.95)
    assert suggested_thresholds(sure, sure, right) == OFFICIAL_THRESHOLDS


def test_objects_that_nothing_finds_do_not_count() -> None:
    predicted, actual = np.array([[0.9], [0.1]]), np.array([[0.7], [0.2]])
    both = suggested_thresholds(predicted, predicted, actual)
    assert both == {"pred_iou_thresh": 0.88, "stability_score_thresh": 0.9}
    assert suggested_thresholds(predicted[1:], predicted[1:], actual[1:]) == {}


def test_thresholds_of_a_file_are_checked() -> None:
    assert read_thresholds(None) == {}
    assert read_thresholds({"pred_iou_thresh": 0.5}) == {"pred_iou_thresh": 0.5}
    for wrong in ({"box_nms_thresh": 0.5}, {"pred_iou_thresh": 2}, {"pred_iou_thresh": "x"}):
        with pytest.raises(ValueError, match=r"."):
            read_thresholds(wrong)
