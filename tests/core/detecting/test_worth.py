"""What suggestions are worth in time, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.detecting.worth import NEARLY, RIGHT, WRONG, Pace, fits_of, worthy_threshold
from anymask.errors import Error

PACE = Pace(click_s=5, drawn_s=20, verdict_s=1)


def test_the_threshold_saves_most_time() -> None:
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    fits = np.array([RIGHT, WRONG, NEARLY, WRONG, RIGHT, WRONG])
    assert PACE.saved_s(fits) == pytest.approx([4, -1, 3, -1, 4, -1])
    found = worthy_threshold(scores, fits, PACE)
    assert (found.threshold, found.kept, found.right, found.nearly) == (0.5, 5, 2, 1)
    assert found.saved_s == pytest.approx(9)
    slow = worthy_threshold(scores, fits, Pace(5, 20, 3.5))
    assert (slow.threshold, slow.kept) == (0.9, 1), "who answers slowly wants the sure ones alone"


def test_of_equal_scores_all_are_kept_or_none() -> None:
    found = worthy_threshold([0.5, 0.9, 0.5, 0.5], np.array([RIGHT, RIGHT, WRONG, WRONG]), PACE)
    assert (found.threshold, found.kept, found.right) == (0.5, 4, 2)
    fits = np.array([RIGHT, *[WRONG] * 11, RIGHT])
    found = worthy_threshold([0.5] * 12 + [0.9], fits, PACE)
    assert (found.threshold, found.kept) == (0.9, 1)


@pytest.mark.parametrize("fits", [[], [WRONG, WRONG], [RIGHT, *[WRONG] * 4]])
def test_no_threshold_saves_time(fits: list[int]) -> None:
    with pytest.raises(Error, match="no threshold saves time"):
        worthy_threshold([0.5] * len(fits), np.array(fits, np.int64), PACE)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(Error, match="don't belong together"):
        worthy_threshold([0.5], np.array([RIGHT, WRONG]), PACE)
    with pytest.raises(Error, match="more than 0 seconds"):
        Pace(drawn_s=0)


def test_a_second_suggestion_of_an_object_is_wrong() -> None:
    iou = np.array([[0.7, 0.0], [0.9, 0.1], [0.88, 0.2], [0.0, 0.7], [0.1, 0.6]])
    assert fits_of(iou).tolist() == [WRONG, RIGHT, WRONG, NEARLY, WRONG]
    assert fits_of(np.zeros((2, 0))).tolist() == [WRONG, WRONG]
