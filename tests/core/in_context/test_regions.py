"""What patches say, said of masks and of pixels, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.coverage import expected_iou
from anymask.core.in_context.regions import Regions, components, kept_size, relative, resized

LEFT = np.array([[True, True, False, False]] * 4)
CORNER = np.array([[True, False, False, False]] + [[False] * 4] * 3)


def regions() -> Regions:
    """Two masks on 2 × 2 patches of 4 × 4 pixels; one lies in the other."""
    everything, nothing = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    return Regions.of_masks(np.stack([LEFT, everything, nothing, CORNER]), (2, 2))


def test_masks_that_tell_nothing_are_left_out() -> None:
    assert len(regions().masks) == 2
    assert regions().areas == pytest.approx([2, 0.25])
    none = Regions.of_masks(np.zeros((0, 4, 4), bool), (2, 2))
    assert none.means(np.ones((2, 2), np.float32)).shape == (0,)


def test_masks_take_the_mean_of_their_patches() -> None:
    values = np.array([[1.0, 5.0], [3.0, 7.0]], np.float32)
    assert regions().means(values) == pytest.approx([2, 1])


def test_pixels_take_the_mean_of_their_masks_the_small_ones_most() -> None:
    painted = regions().painted(np.array([1.0, 4.0], np.float32), np.zeros((2, 2), np.float32))
    large, small = 1 / np.sqrt(2), 1 / np.sqrt(0.5)
    assert painted[0, 0] == pytest.approx((large * 1 + small * 4) / (large + small))
    assert painted[3, 1] == pytest.approx(1)
    assert painted[0, 3] == pytest.approx(0)  # in no mask


def test_patches_do_so_too() -> None:
    smooth = regions().smoothed(np.array([1.0, 1.0], np.float32), np.full((2, 2), 9, np.float32))
    assert smooth == pytest.approx(np.array([[1.0, 9.0], [1.0, 9.0]]))


def test_the_likest_region_is_one() -> None:
    values = np.array([[3.0, 1.0], [3.0, 1.0]], np.float32)
    patches, masks = relative(values, regions())
    assert masks == pytest.approx([1, 1])
    assert patches == pytest.approx(np.array([[1.0, 0.0], [1.0, 0.0]]))
    same, _ = relative(np.ones((2, 2), np.float32), regions())
    assert np.isfinite(same).all()


def test_components_come_by_size_and_specks_do_not() -> None:
    mask = np.zeros((10, 10), bool)
    mask[0, 0] = mask[2:4, 2:4] = mask[6:9, 6:9] = True
    assert [part.sum() for part in components(mask, 0.02)] == [9, 4]
    assert components(np.zeros((3, 3), bool), 0.0) == []


def test_masks_are_kept_no_larger_than_needed() -> None:
    assert kept_size((480, 640)) == (480, 640)
    assert kept_size((1000, 2000)) == (320, 640)
    assert resized(LEFT, (2, 2)).tolist() == [[True, False], [True, False]]


def test_the_expected_iou() -> None:
    """Half sure of one of two places: a mask of it shares 0.5 of the 1.0 that either has."""
    masks = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], np.float32)
    assert expected_iou(np.array([0.5, 0.0], np.float32), masks) == pytest.approx([0.5, 0.25, 0.0])
    assert expected_iou(np.zeros(2, np.float32), np.zeros((1, 2), np.float32)) == pytest.approx([0])
