"""What a person paints, by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anymask.engine.simulation.brush import strokes


def rectangle(left: int, top: int, right: int, bottom: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros((40, 60), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def test_what_is_missed_is_painted_on_and_what_is_too_much_off_the_largest_first() -> None:
    truth = rectangle(10, 10, 30, 20)
    predicted = rectangle(10, 10, 24, 20) | rectangle(40, 30, 44, 34)
    missed, excess = strokes(truth, predicted, diameter_px=3)
    assert (missed.adds, excess.adds) == (True, False)
    # Its corners are rounder than the object's: the brush has a diameter.
    assert (missed.region & ~rectangle(24, 10, 30, 20)).sum() == 0
    assert missed.region.sum() >= 6 * 10 - 4
    assert excess.region.sum() >= 4 * 4 - 4


def test_only_the_outline_of_the_object_takes_care() -> None:
    truth = rectangle(10, 10, 30, 20)
    (missed,) = strokes(truth, rectangle(10, 10, 24, 20), diameter_px=1)
    # Right side, and 6 pixels and one beside them of upper and lower side, corners counted once.
    assert missed.outline_px == 8 + 7 + 7
    (hole,) = strokes(truth, truth & ~rectangle(15, 13, 20, 17), diameter_px=1)
    assert hole.outline_px == 0
    (excess,) = strokes(truth, truth | rectangle(40, 30, 44, 34), diameter_px=1)
    assert excess.outline_px == 0


def test_what_is_thinner_than_the_brush_stays() -> None:
    truth = rectangle(10, 10, 30, 20)
    assert list(strokes(truth, rectangle(10, 10, 29, 20), diameter_px=4)) == []
    assert len(list(strokes(truth, rectangle(10, 10, 29, 20), diameter_px=1))) == 1


def test_a_brush_reaches_the_border_of_the_image() -> None:
    truth = rectangle(0, 0, 10, 40)
    (missed,) = strokes(truth, np.zeros_like(truth), diameter_px=7)
    assert missed.region.sum() >= 400 - 4 * 9
    assert all(0 <= x < 60 and 0 <= y < 40 for x, y in missed.points)


def test_nothing_is_painted_where_nothing_is_wrong() -> None:
    truth = rectangle(10, 10, 30, 20)
    assert list(strokes(truth, truth, 3)) == []
