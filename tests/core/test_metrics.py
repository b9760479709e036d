"""Overlaps of masks and of their boundaries, against plain loops and cases done by hand."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core import rle
from anymask.core.metrics import boundary, boundary_iou, boundary_px, mask_iou
from anymask.errors import Error

Mask = npt.NDArray[np.bool_]
PROPERTY = settings(max_examples=100, deadline=None)
SIDES = st.tuples(st.integers(1, 16), st.integers(1, 16))
PAIRS = SIDES.flatmap(lambda hw: st.tuples(*[hnp.arrays(np.bool_, hw)] * 2))


def rectangle(hw: tuple[int, int], top: int, bottom: int, left: int, right: int) -> Mask:
    mask = np.zeros(hw, bool)
    mask[top:bottom, left:right] = True
    return mask


def brute_boundary(mask: Mask, depth: int) -> Mask:
    """A pixel counts if its (2 depth + 1)² window holds one outside the mask or the image."""
    framed = np.pad(mask, depth)
    edge = mask.copy()
    for y, x in zip(*np.nonzero(mask)):
        edge[y, x] = not framed[y : y + 2 * depth + 1, x : x + 2 * depth + 1].all()
    return edge


def test_the_iou_by_hand() -> None:
    a, b = rectangle((10, 10), 0, 4, 0, 5), rectangle((10, 10), 2, 6, 0, 5)
    assert mask_iou(a, b) == pytest.approx(10 / 30)
    assert mask_iou(a, a) == 1
    assert mask_iou(a, ~a) == 0


@PROPERTY
@given(PAIRS)
def test_the_iou_is_that_of_pycocotools(pair: tuple[Mask, Mask]) -> None:
    a, b = pair
    assert mask_iou(a, b) == pytest.approx(rle.iou([rle.encode(a)], [rle.encode(b)])[0, 0])


def test_one_mask_is_compared_with_many() -> None:
    one = rectangle((8, 8), 0, 4, 0, 8)
    many = np.stack([one, ~one, np.ones_like(one), np.zeros_like(one)])
    assert mask_iou(many, one).tolist() == [1, 0, 0.5, 0]
    assert mask_iou(one, many).tolist() == [1, 0, 0.5, 0]
    assert mask_iou(many, many).tolist() == [1, 1, 1, 0]


def test_two_empty_masks_have_nothing_in_common() -> None:
    nothing = np.zeros((5, 5), bool)
    assert mask_iou(nothing, nothing) == boundary_iou(nothing, nothing) == 0


def test_masks_of_different_size_cannot_be_compared() -> None:
    with pytest.raises(Error, match=r"\(4, 5\) and \(5, 4\)"):
        mask_iou(np.ones((4, 5), bool), np.ones((5, 4), bool))


@pytest.mark.parametrize(
    ("image_hw", "px"), [((480, 640), 16), ((3, 4), 1), ((30, 40), 1), ((75, 100), 2), ((1, 1), 1)]
)
def test_a_boundary_is_a_fiftieth_of_the_diagonal_deep(image_hw: tuple[int, int], px: int) -> None:
    assert boundary_px(image_hw) == px


def test_the_boundary_by_hand() -> None:
    mask = rectangle((75, 100), 10, 20, 0, 30)  # two pixels deep, at the image's border, too
    assert np.array_equal(boundary(mask), mask & ~rectangle((75, 100), 12, 18, 2, 28))
    assert boundary(np.ones((75, 100), bool)).sum() == 75 * 100 - 71 * 96


@PROPERTY
@given(SIDES.flatmap(lambda hw: hnp.arrays(np.bool_, hw)), st.sampled_from([0.02, 0.1, 0.2, 0.5]))
def test_the_boundary_is_that_of_counted_neighbours(mask: Mask, ratio: float) -> None:
    expected = brute_boundary(mask, boundary_px(mask.shape, ratio))
    assert np.array_equal(boundary(mask, ratio), expected)


@PROPERTY
@given(st.integers(0, 1000))
def test_the_boundary_of_a_large_blob_is_that_of_counted_neighbours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:60, :80]
    mask = np.hypot(y - rng.integers(60), x - rng.integers(80)) < rng.integers(1, 50)
    assert np.array_equal(boundary(mask, 0.05), brute_boundary(mask, 5))


def test_the_boundary_iou_by_hand() -> None:
    # Two squares, one pixel deep each, of which the second lies two pixels further to the right.
    a, b = rectangle((30, 40), 5, 15, 5, 15), rectangle((30, 40), 5, 15, 7, 17)
    shared = 2 * 8  # of top and bottom; the sides fall into the other's inside
    assert boundary_iou(a, b) == pytest.approx(shared / (2 * 36 - shared))
    assert boundary_iou(a, b) < mask_iou(a, b)
    assert boundary_iou(a, a) == 1


def test_masks_smaller_than_their_boundaries_are_all_boundary() -> None:
    a, b = rectangle((480, 640), 100, 110, 100, 120), rectangle((480, 640), 100, 110, 110, 130)
    assert boundary_iou(a, b) == mask_iou(a, b) == pytest.approx(1 / 3)
