"""Which detections are right, and the threshold for a wanted precision, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.detecting.matching import right_ones
from anymask.core.detecting.wanted_precision import threshold_for, wilson_interval
from anymask.errors import Error


def test_a_second_mask_of_an_object_is_wrong() -> None:
    iou = np.array([[0.6, 0.0], [0.9, 0.1], [0.2, 0.75]])
    assert right_ones(iou, 0.5).tolist() == [True, False, True]
    assert right_ones(iou, 0.75).tolist() == [False, True, True]


def test_nothing_is_right_without_truths_and_nothing_without_masks() -> None:
    assert right_ones(np.zeros((3, 0)), 0.5).tolist() == [False] * 3
    assert right_ones(np.zeros((0, 3)), 0.5).tolist() == []


def test_the_threshold_that_keeps_most() -> None:
    scores = [0.2, 0.9, 0.8, 0.7, 0.6, 0.5]
    right = [True, True, False, True, True, False]
    # By falling score: right, wrong, right, right, wrong, right: 1, 1/2, 2/3, 3/4, 3/5, 4/6.
    found = threshold_for(scores, right, 0.75)
    assert (found.threshold, found.precision, found.kept, found.share) == (0.6, 0.75, 4, 0.75)
    assert (found.low, found.high) == wilson_interval(3, 4)
    assert threshold_for(scores, right, 0.6).threshold == 0.2
    assert threshold_for(scores, right, 1.0).kept == 1


def test_of_equal_scores_all_are_kept_or_none() -> None:
    assert threshold_for([0.9, 0.5, 0.5], [True, True, False], 0.6).kept == 3
    assert threshold_for([0.9, 0.5, 0.5], [True, True, False], 0.9).kept == 1


def test_what_can_not_be_had_is_said() -> None:
    with pytest.raises(Error, match=r"as precise as 0\.9: the most precise one has 0\.500"):
        threshold_for([0.9, 0.8], [False, True], 0.9)
    with pytest.raises(Error, match="nothing is scored"):
        threshold_for([], [], 0.9)
    with pytest.raises(Error, match="don't belong together"):
        threshold_for([0.5], [True, False], 0.9)
    with pytest.raises(Error, match="above 0 and at most 1, not 0"):
        threshold_for([0.5], [True], 0)


def test_wilson_interval_by_the_books() -> None:
    # Newcombe 1998, Table I: 81 of 263 and 0 of 20, to four digits.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)
