"""The picture of everything: what is seen where masks overlap, on dark and on large images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.drawing.everything import PICTURE_PX, draw_everything
from anymask.core.drawing.light import LIGHT_ENOUGH, lightened

Pixels = npt.NDArray[np.uint8]


def grey(value: int, hw: tuple[int, int] = (120, 160)) -> Pixels:
    return np.full((*hw, 3), value, np.uint8)


def drawn(image: Pixels, *masks: npt.NDArray[np.bool_], clean: bool = True) -> Pixels:
    return np.asarray(draw_everything(image, [rle.encode(mask) for mask in masks], clean))


def box(hw: tuple[int, int], rows: slice, columns: slice) -> npt.NDArray[np.bool_]:
    mask = np.zeros(hw, bool)
    mask[rows, columns] = True
    return mask


def test_small_masks_are_seen_over_large_ones_in_any_order() -> None:
    hw = (120, 160)
    large = box(hw, slice(10, 110), slice(10, 150))
    small = box(hw, slice(40, 80), slice(40, 90))
    one, other = drawn(grey(128), large, small), drawn(grey(128), small, large)
    np.testing.assert_array_equal(one, other)
    outside, in_large, in_small = (one[y, x].astype(int) for y, x in ((3, 3), (20, 20), (60, 60)))
    assert len(set(outside)) == 1
    assert outside[0] < 128
    assert abs(in_large - outside).sum() > 40
    assert abs(in_small - in_large).sum() > 40
    line = one[40, 60].astype(int)
    assert abs(line - in_small).sum() > 40


def test_specks_are_drawn_only_if_asked_for() -> None:
    hw = (120, 160)
    mask = box(hw, slice(10, 110), slice(10, 100))
    mask[60, 140] = True
    tidy, as_it_is = drawn(grey(128), mask), drawn(grey(128), mask, clean=False)
    assert len(set(tidy[60, 140])) == 1
    assert len(set(as_it_is[60, 140])) > 1


def test_a_large_image_is_made_smaller_and_a_small_one_stays() -> None:
    mask = box((20, 4000), slice(5, 15), slice(100, 3900))
    assert drawn(grey(99, (20, 4000)), mask).shape == (8, PICTURE_PX, 3)
    assert drawn(grey(99, (7, 5)), np.ones((7, 5), bool)).shape == (7, 5, 3)
    assert draw_everything(grey(99), [], longest_px=40).size == (40, 30)


@pytest.mark.parametrize("value", [0, 4, 20, 128, 255])
def test_masks_are_seen_on_an_image_of_one_colour(value: int) -> None:
    hw = (120, 160)
    one = drawn(grey(value), *(box(hw, slice(20, 100), slice(x, x + 40)) for x in (10, 60, 110)))
    middles = one[60, [30, 80, 130]].astype(int)
    between = one[60, 55].astype(int)
    for middle in middles:
        assert abs(middle - between).max() > 60
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert abs(middles[first] - middles[second]).max() > 60


def test_a_dark_image_is_lightened_and_keeps_its_white() -> None:
    night = np.random.default_rng(0).integers(0, 24, (40, 40, 3), dtype=np.uint8)
    night[:2, :2] = 255
    light = lightened(night)
    assert light.mean() > 3 * night.mean()
    assert (light[:2, :2] == 255).all()
    assert (
        np.diff(lightened(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).reshape(-1)) >= 0
    ).all()
    day = grey(LIGHT_ENOUGH)
    assert lightened(day) is day
    assert (lightened(grey(0)) == 0).all()


def test_nothing_is_drawn_for_an_empty_mask_and_one_pixel_for_one_pixel() -> None:
    hw = (120, 160)
    empty = np.zeros(hw, bool)
    np.testing.assert_array_equal(drawn(grey(128), empty), drawn(grey(128)))
    for corner in ((0, 0), (119, 159)):
        mask = empty.copy()
        mask[corner] = True
        assert (drawn(grey(128), mask) != drawn(grey(128))).any()


def test_the_picture_is_an_rgb_one() -> None:
    picture = draw_everything(grey(128), [])
    assert isinstance(picture, Image.Image)
    assert picture.mode == "RGB"
