"""Specks and pinholes go, and nothing that a person would have drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anymask.core.regions.small_regions import clean, remove_small_regions

Mask = npt.NDArray[np.bool_]


def test_a_speck_and_a_pinhole_go_and_a_part_and_a_hole_stay() -> None:
    mask = np.zeros((100, 120), bool)
    mask[10:90, 10:70] = True
    expected = mask.copy()
    expected[30:50, 30:50] = mask[30:50, 30:50] = False  # a hole
    expected[40:60, 90:110] = mask[40:60, 90:110] = True  # a second part
    mask[12:15, 12:15] = False
    mask[5:8, 80:84] = True
    np.testing.assert_array_equal(clean(mask), expected)


def test_what_is_small_is_small_beside_its_mask() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:15, 5:15] = True
    mask[20:22, 20:22] = True  # 4 of 104 pixels
    np.testing.assert_array_equal(clean(mask), mask)


def test_a_hole_at_the_border_of_the_image_is_no_hole() -> None:
    mask = np.ones((60, 60), bool)
    mask[20:24, :5] = False
    mask[:3, 30:34] = False
    cleaned = clean(mask)
    assert cleaned.sum() >= mask.sum()
    assert not cleaned[20:24, :5].any()


@given(arrays(bool, st.tuples(st.integers(0, 30), st.integers(0, 30))))
@settings(max_examples=200, deadline=None)
def test_something_always_remains_and_a_second_time_changes_little(mask: Mask) -> None:
    cleaned = clean(mask)
    assert cleaned.shape == mask.shape
    assert cleaned.any() == mask.any()
    np.testing.assert_array_equal(remove_small_regions(cleaned, 0), cleaned)


def test_dust_keeps_its_largest_speck() -> None:
    mask = np.zeros((300, 300), bool)
    mask[::3, ::3] = True  # 10,000 pixels, none near 1 % of them
    mask[1, 1] = True
    assert clean(mask).any()
