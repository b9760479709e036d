"""A single ring has the pixels of all rings that it joins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from anymask.core.regions.bridges import single_ring, without_holes
from anymask.core.regions.rings import regions_of

Mask = npt.NDArray[np.bool_]
MASKS = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
PROPERTY = settings(max_examples=300, deadline=None)


def pixels(rings: list[npt.NDArray[np.int64]], hw: tuple[int, ...]) -> Mask:
    """What pycocotools makes of rings."""
    outlines = [ring.reshape(-1).tolist() for ring in rings]
    merged = coco_mask.merge(coco_mask.frPyObjects(outlines, *hw))
    return np.asarray(coco_mask.decode(merged), bool)


@given(MASKS)
@PROPERTY
def test_a_ring_a_region_is_the_mask(mask: Mask) -> None:
    if mask.any():
        rings = [without_holes(region) for region in regions_of(mask)]
        np.testing.assert_array_equal(pixels(rings, mask.shape), mask)


@given(MASKS)
@PROPERTY
def test_one_ring_is_the_mask(mask: Mask) -> None:
    if mask.any():
        np.testing.assert_array_equal(pixels([single_ring(regions_of(mask))], mask.shape), mask)


def test_bridges_to_holes_are_level_and_lie_in_the_region() -> None:
    mask = np.ones((9, 9), bool)
    mask[2:4, 2:4] = mask[5:7, 5:7] = mask[2, 7] = False
    (region,) = regions_of(mask)
    ring = without_holes(region)
    steps = np.abs(ring - np.roll(ring, -1, axis=0))
    assert (steps.min(axis=1) == 0).all()
    assert len(ring) == 4 + 3 * (4 + 3)


def test_many_holes_are_joined_in_no_time() -> None:
    mask = np.ones((400, 400), bool)
    mask[1:-1:4, 1:-1:4] = False
    (region,) = regions_of(mask)
    assert len(region.holes) == 100**2
    np.testing.assert_array_equal(pixels([without_holes(region)], mask.shape), mask)
