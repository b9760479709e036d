"""Examples, and many of them in a grid."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.example import Example, spatial_grid
from anymask.errors import PromptError


def plain(color: int, label: int, hw: tuple[int, int] = (6, 4)) -> Example:
    """An image of one colour whose upper half is labelled."""
    labels = np.zeros(hw, np.int32)
    labels[: hw[0] // 2] = label
    return Example(np.full((*hw, 3), color, np.uint8), labels)


def test_what_is_no_example() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(PromptError, match="mask of an example is 4×6 and its image 6×4"):
        Example(pixels, np.ones((6, 4), np.int32))
    with pytest.raises(PromptError, match="empty"):
        Example.of_mask(pixels, np.zeros((4, 6), bool))
    with pytest.raises(PromptError, match="counted from 0"):
        Example(pixels, np.full((4, 6), -1, np.int32))


def test_labels_stay_labels_at_another_size() -> None:
    example = plain(9, 7).resized((60, 20))
    assert example.pixels.shape == (60, 20, 3)
    assert (example.labels[:30] == 7).all()
    assert not example.labels[30:].any()
    assert example.count == 7


def test_a_mask_too_small_to_be_seen() -> None:
    mask = np.zeros((400, 400), bool)
    mask[7, 7] = True
    with pytest.raises(PromptError, match="nothing of it is left"):
        Example.of_mask(np.zeros((400, 400, 3), np.uint8), mask).resized((20, 20))


def test_an_example_of_one_pixel() -> None:
    one = Example.of_mask(np.full((1, 1, 3), 200, np.uint8), np.ones((1, 1), bool))
    large = one.resized((8, 8))
    assert (large.pixels == 200).all()
    assert (large.labels == 1).all()


def test_a_grid_of_three_begins_again_in_its_fourth_cell() -> None:
    grid = spatial_grid([plain(10, 1), plain(20, 2), plain(30, 3)], (12, 12))
    assert [int(grid.pixels[y, x, 0]) for y in (0, 6) for x in (0, 6)] == [10, 20, 30, 10]
    assert [int(grid.labels[y, x]) for y in (0, 6) for x in (0, 6)] == [1, 2, 3, 1]
    assert not grid.labels[3:6].any()
    assert not grid.labels[9:].any()


def test_a_grid_whose_cells_are_not_alike_has_no_gap() -> None:
    grid = spatial_grid([plain(n + 1, 1) for n in range(9)], (10, 11))
    assert grid.pixels.all()
    assert len(np.unique(grid.pixels)) == 9
