"""J and F by hand, as DAVIS defines them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from anymask.evaluation.measures.video_objects import (
    boundary,
    boundary_accuracy,
    decay,
    recall,
    region_similarity,
)


def square(top: int, left: int, side: int = 10, size: int = 40) -> npt.NDArray[np.bool_]:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_j_is_the_iou_and_nothing_found_where_nothing_is_is_right() -> None:
    assert region_similarity(square(10, 10), square(10, 15)) == pytest.approx(50 / 150)
    nothing = np.zeros((40, 40), bool)
    assert region_similarity(nothing, nothing) == 1
    assert region_similarity(nothing, square(1, 1)) == 0


def test_a_boundary_is_left_of_and_above_what_differs() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    expected = [
        [1, 1, 1, 0],
        [1, 0, 1, 0],
        [1, 1, 1, 0],
        [0, 0, 0, 0],
    ]
    assert boundary(mask).astype(int).tolist() == expected


def test_the_border_of_the_image_is_no_boundary() -> None:
    assert not boundary(np.ones((5, 5), bool)).any()


def test_f_forgives_what_is_near_and_not_what_is_far() -> None:
    truth = square(10, 10)
    assert boundary_accuracy(truth, truth) == 1
    # 0.008 of the diagonal of 40×40 is below 1, and rounded up.
    assert boundary_accuracy(square(11, 10), truth) == 1
    assert boundary_accuracy(square(25, 25), truth) == 0


def test_f_of_a_shift_by_three_by_hand() -> None:
    """Three rows down, a tolerance of a pixel right, left, above or below."""
    truth, answer = square(10, 10), square(13, 10)
    mine, theirs = boundary(answer), boundary(truth)
    assert mine.sum() == theirs.sum() == 40  # rings of 11 × 11, rows 9 to 19 and 12 to 22
    # Of the answer's: both ends of its upper edge, two pixels each, and its sides in rows 13 to 20.
    # The other way round the same, upside down.
    assert boundary_accuracy(answer, truth) == pytest.approx((4 + 2 * 8) / 40)


def test_f_where_one_has_no_boundary() -> None:
    nothing = np.zeros((40, 40), bool)
    assert boundary_accuracy(nothing, nothing) == 1
    assert boundary_accuracy(square(1, 1), nothing) == 0
    assert boundary_accuracy(nothing, square(1, 1)) == 0


def test_recall_and_decay() -> None:
    values = [1.0, 1.0, 0.8, 0.8, 0.6, 0.6, 0.4, 0.5, 0.2]
    assert recall(values) == pytest.approx(6 / 9)
    # Quarters of nine frames are 1 to 3 and 7 to 9, ends shared.
    assert decay(values) == pytest.approx((2.8 - 1.1) / 3)
