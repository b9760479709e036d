"""Masks become smaller by area, exactly, against a plain sum over pixels in fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core import rle
from anymask.datasets.release.reduction import reduced_hw, reduced_image, reduced_mask

Mask = npt.NDArray[np.bool_]


@pytest.mark.parametrize(
    ("hw", "short", "expected"),
    [
        ((2000, 3000), 1500, (1500, 2250)),
        ((3000, 2000), 1500, (2250, 1500)),
        ((1500, 4000), 1500, (1500, 4000)),
        ((100, 90), 1500, (100, 90)),  # never larger
        ((4, 5), 2, (2, 3)),  # 2.5: a half up
        ((3, 1000), 2, (2, 667)),
    ],
)
def test_the_shorter_side_is_as_wanted(
    hw: tuple[int, int], short: int, expected: tuple[int, int]
) -> None:
    assert reduced_hw(hw, short) == expected


def weights(length: int, target: int) -> list[list[Fraction]]:
    """How much of each pixel lies in each of those that it becomes."""
    step = Fraction(length, target)
    starts = [Fraction(i) for i in range(length)]
    return [
        [max(Fraction(0), min(i + 1, (j + 1) * step) - max(i, j * step)) for i in starts]
        for j in range(target)
    ]


def by_hand(mask: Mask, hw: tuple[int, int]) -> Mask:
    rows, columns = weights(mask.shape[0], hw[0]), weights(mask.shape[1], hw[1])
    pixel = Fraction(mask.shape[0] * mask.shape[1], hw[0] * hw[1])
    set_pixels = list(zip(*np.nonzero(mask)))
    return np.array(
        [
            [sum(row[y] * column[x] for y, x in set_pixels) * 2 >= pixel for column in columns]
            for row in rows
        ]
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99)
)
def test_a_pixel_is_set_if_half_of_it_is(
    height: int, width: int, small_height: int, small_width: int, seed: int
) -> None:
    hw = min(height, small_height), min(width, small_width)
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.random()
    small = rle.decode(reduced_mask(rle.encode(mask), hw))
    assert np.array_equal(small, by_hand(mask, hw))


def test_exactly_a_half_is_set_and_less_is_not() -> None:
    mask = np.zeros((2, 4), bool)
    mask[:, 1] = mask[0, 2] = True
    assert rle.decode(reduced_mask(rle.encode(mask), (1, 2))).tolist() == [[True, False]]


def test_a_mask_may_vanish_and_an_empty_one_stays_empty() -> None:
    mask = np.zeros((100, 100), bool)
    mask[50, 50] = True
    assert rle.area(reduced_mask(rle.encode(mask), (10, 10))) == 0
    assert rle.area(reduced_mask(rle.encode(np.zeros((9, 9), bool)), (3, 3))) == 0


def test_the_whole_stays_whole_and_the_same_size_is_the_same() -> None:
    whole = rle.encode(np.ones((97, 61), bool))
    assert rle.area(reduced_mask(whole, (13, 7))) == 13 * 7
    assert reduced_mask(whole, (97, 61)) is whole


def test_an_image_becomes_its_size() -> None:
    pixels = np.full((30, 40, 3), 90, np.uint8)
    assert reduced_image(pixels, (15, 20)).shape == (15, 20, 3)
    assert reduced_image(pixels, (30, 40)) is pixels
