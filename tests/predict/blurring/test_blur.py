"""What is in a box can't be recognised afterwards; what is not stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core.geometry import Floats
from anymask.predict.blurring.blur import (
    CELLS,
    FACES,
    MARGIN,
    PLATES,
    blur_image,
    blurred,
    region_of,
)
from anymask.predict.blurring.detections import Detections

Box = tuple[int, int, int, int]


def detections(*boxes: Box) -> Detections:
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes), np.float32))


def stripes(height: int = 80, width: int = 100) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Black and white pixels by turns: every blur changes each of them."""
    grid = np.add.outer(np.arange(height), np.arange(width)) % 2
    return np.repeat((grid * 255).astype(np.uint8)[:, :, None], 3, axis=2)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 90), st.integers(0, 70), st.integers(4, 60), st.integers(4, 60), st.booleans()
)
def test_the_box_is_changed_everywhere_and_nothing_outside_the_region(
    left: int, top: int, width: int, height: int, is_face: bool
) -> None:
    pixels = stripes()
    right, bottom = min(100, left + width), min(80, top + height)
    result = blurred(pixels, {FACES if is_face else PLATES: detections((left, top, right, bottom))})
    changed = (result != pixels).any(axis=2)
    assert changed[top:bottom, left:right].all()
    x0, y0, x1, y1 = region_of(np.array([left, top, right, bottom], np.float32))
    changed[max(0, y0) : y1, max(0, x0) : x1] = False
    assert not changed.any()


def test_a_region_has_a_margin_and_may_leave_the_image() -> None:
    assert region_of(np.array([0, 10, 20, 30], np.float32)) == (-5, 5, 25, 35)
    assert MARGIN == 0.25


def test_all_that_is_left_are_the_means_of_a_few_cells() -> None:
    """Two different faces with the same means become the same pixels."""
    rng = np.random.default_rng(0)
    side, cell = 100, 30  # 100 and its margins are 150: cells of 30
    first = rng.integers(60, 190, (150, 150, 3), dtype=np.uint8)
    second = first.copy()
    for top in range(0, 150, cell):
        for left in range(0, 150, cell):
            block = second[top : top + cell, left : left + cell].reshape(-1, 3)
            shuffled = rng.permutation(block, axis=0).reshape(cell, cell, 3)
            second[top : top + cell, left : left + cell] = shuffled
    found = {PLATES: detections((25, 25, 25 + side, 25 + side))}
    assert 150 // cell == CELLS
    assert (first != second).any()
    assert np.array_equal(blurred(first, found), blurred(second, found))


def test_it_is_the_same_each_time_and_the_original_stays() -> None:
    pixels = stripes()
    before = pixels.copy()

    def detect(pixels: object) -> tuple[Floats, Floats]:
        return np.array([[10, 10, 40, 40]], np.float32), np.array([0.7], np.float32)

    first, found = blur_image(pixels, {FACES: detect})
    second, _ = blur_image(pixels, {FACES: detect})
    assert np.array_equal(first, second)
    assert np.array_equal(pixels, before)
    assert found[FACES].boxes_xyxy.tolist() == [[10, 10, 40, 40]]


def test_faces_are_blurred_in_an_ellipse_and_plates_in_a_rectangle() -> None:
    pixels = stripes()
    face = blurred(pixels, {FACES: detections((30, 20, 70, 60))})
    plate = blurred(pixels, {PLATES: detections((30, 20, 70, 60))})
    assert np.array_equal(face[10, 20], pixels[10, 20])  # the region's corner
    assert not np.array_equal(plate[10, 20], pixels[10, 20])


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (99, 79, 100, 80), (0, 0, 100, 80)])
def test_the_smallest_and_the_largest_boxes(box: Box) -> None:
    result = blurred(stripes(), {FACES: detections(box)})
    assert result.shape == (80, 100, 3)
