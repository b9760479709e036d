"""What suggestions are worth in time, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.detecting.worth import NEARLY_WORTH, Pace, worths, worthy_threshold
from anymask.errors import Error

PACE = Pace(drawn_s=20, verdict_s=2)


def test_the_threshold_saves_most_time() -> None:
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    worth = [1, 0, NEARLY_WORTH, 0, 1, 0]
    found = worthy_threshold(scores, worth, PACE)
    assert (found.threshold, found.kept, found.right, found.nearly) == (0.5, 5, 2, 1)
    assert found.saved_s == pytest.approx(2 * 20 + 5 - 5 * 2)
    slow = worthy_threshold(scores, worth, Pace(drawn_s=20, verdict_s=7))
    assert (slow.threshold, slow.kept) == (0.9, 1), "who answers slowly wants the sure ones alone"
    assert PACE.saved_s(np.array([1.0, 0.0])) == 16


def test_of_equal_scores_all_are_kept_or_none() -> None:
    found = worthy_threshold([0.5, 0.9, 0.5, 0.5], [1, 1, 0, 0], PACE)
    assert (found.threshold, found.kept, found.right) == (0.5, 4, 2)
    found = worthy_threshold([0.5] * 12 + [0.9], [1] + 11 * [0] + [1], PACE)
    assert (found.threshold, found.kept) == (0.9, 1)


@pytest.mark.parametrize("worth", [[], [0, 0], [0.05, 0.05]])
def test_no_threshold_saves_time(worth: list[float]) -> None:
    with pytest.raises(Error, match="no threshold saves time"):
        worthy_threshold([0.5] * len(worth), worth, PACE)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(Error, match="don't belong together"):
        worthy_threshold([0.5], [1, 0], PACE)
    with pytest.raises(Error, match="more than 0 seconds"):
        Pace(drawn_s=0)


def test_a_second_suggestion_of_an_object_is_worth_nothing() -> None:
    iou = np.array([[0.7, 0.0], [0.9, 0.1], [0.88, 0.2], [0.0, 0.7], [0.1, 0.6]])
    assert worths(iou).tolist() == [0, 1, 0, NEARLY_WORTH, 0]
    assert worths(np.zeros((2, 0))).tolist() == [0, 0]
