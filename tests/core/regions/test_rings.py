"""Rings enclose exactly the pixels of their mask, as those who read polygons count them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from anymask.core.regions.rings import Region, regions_of

Mask = npt.NDArray[np.bool_]
SIDES = st.tuples(st.integers(1, 12), st.integers(1, 12))
MASKS = arrays(bool, SIDES)
PROPERTY = settings(max_examples=300, deadline=None)


def by_pycocotools(rings: list[npt.NDArray[np.int64]], hw: tuple[int, int]) -> Mask:
    """The union of rings."""
    if not rings:
        return np.zeros(hw, bool)
    encoded = coco_mask.frPyObjects([ring.reshape(-1).tolist() for ring in rings], *hw)
    return np.asarray(coco_mask.decode(coco_mask.merge(encoded)), bool)


def filled(region: Region, hw: tuple[int, int]) -> Mask:
    """A region by what its rings enclose, the holes' pixels taken out again."""
    return by_pycocotools([region.outer], hw) & ~by_pycocotools([*region.holes], hw)


@given(MASKS)
@PROPERTY
def test_rings_enclose_the_mask(mask: Mask) -> None:
    again = np.zeros_like(mask)
    for region in regions_of(mask):
        part = filled(region, mask.shape)
        assert not (again & part).any()
        again |= part
    np.testing.assert_array_equal(again, mask)


@given(MASKS)
@PROPERTY
def test_outer_rings_are_the_mask_where_it_has_no_holes(mask: Mask) -> None:
    regions = regions_of(mask)
    if not any(region.holes for region in regions):
        outer = [region.outer for region in regions]
        np.testing.assert_array_equal(by_pycocotools(outer, mask.shape), mask)


@given(MASKS)
@PROPERTY
def test_rings_turn_at_every_vertex_and_meet_none_twice(mask: Mask) -> None:
    for region in regions_of(mask):
        for ring, sign in [(region.outer, 1), *((hole, -1) for hole in region.holes)]:
            steps = np.roll(ring, -1, axis=0) - ring
            level = steps[:, 1] == 0
            assert (level != (steps[:, 0] == 0)).all()
            assert (level != np.roll(level, 1)).all()
            assert len(np.unique(ring, axis=0)) == len(ring) >= 4
            assert cv2.contourArea(ring.astype(np.float32), oriented=True) * sign > 0


@pytest.mark.parametrize("hw", [(1, 1), (1, 300), (300, 1), (37, 53)])
def test_a_full_mask_is_a_rectangle(hw: tuple[int, int]) -> None:
    (region,) = regions_of(np.ones(hw, bool), left=5, top=7)
    corners = {(5 + x, 7 + y) for x in (0, hw[1]) for y in (0, hw[0])}
    assert {(int(x), int(y)) for x, y in region.outer} == corners
    assert region.holes == ()


def test_a_mask_of_nothing_has_no_regions() -> None:
    assert regions_of(np.zeros((3, 4), bool)) == []
    assert regions_of(np.zeros((0, 0), bool)) == []
