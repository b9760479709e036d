"""Looking at several sizes, in tiles and in the mirror gives boxes in pixels of the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core.geometry import Floats
from anymask.predict.blurring.detections import Detections, look_at_scales

RGB = npt.NDArray[np.uint8]


def bright_box(pixels: RGB) -> tuple[Floats, Floats]:
    """A detector of the box around what is bright."""
    rows, columns = np.nonzero(pixels[:, :, 0] > 127)
    if not len(rows):
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    return np.array([box], np.float32), np.array([0.9], np.float32)


def image(height: int, width: int, *boxes: tuple[int, int, int, int]) -> RGB:
    pixels = np.zeros((height, width, 3), np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 255
    return pixels


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("scales", [(1,), (2,), (1, 2, 3)])
def test_boxes_are_in_pixels_of_the_image(scales: tuple[float, ...], mirrored: bool) -> None:
    found = look_at_scales(bright_box, image(60, 90, (10, 20, 30, 45)), scales, mirrored)
    assert len(found) == 1
    assert np.abs(found.boxes_xyxy[0] - [10, 20, 30, 45]).max() <= 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_tiles_of_a_large_image_see_all_of_it(mirrored: bool) -> None:
    """A bright box in each corner, which one look at the whole takes for one."""
    corners = [(0, 0, 9, 9), (2991, 0, 3000, 9), (0, 1991, 9, 2000), (2991, 1991, 3000, 2000)]
    found = look_at_scales(bright_box, image(2000, 3000, *corners), (1,), mirrored)
    boxes = {tuple(round(float(side)) for side in box) for box in found.boxes_xyxy}
    assert set(corners) <= boxes


def test_a_thing_counts_once_and_the_surest_box_stays() -> None:
    near = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [40, 0, 60, 10]], np.float32)
    looks = [(near[:1], np.array([0.3])), (near[1:], np.array([0.8, 0.5]))]
    found = Detections.union(looks, (20, 50))
    assert found.boxes_xyxy.tolist() == [[1, 0, 11, 10], [40, 0, 50, 10]]  # within the image
    assert np.allclose(found.scores, [0.8, 0.5])


def test_boxes_outside_the_image_are_none() -> None:
    found = Detections.union([(np.array([[60, 0, 70, 9]]), np.array([0.9]))], (20, 50))
    assert len(found) == 0
    assert found.boxes_xyxy.shape == (0, 4)
