"""Features of patches, shares of masks in them, and how one is brought to the other's size."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.features import FeatureMap, at_full_size, patch_shares, unit


def test_shares_of_patches_that_do_not_divide_the_image() -> None:
    """Three pixels in two patches: the middle pixel is half of either."""
    mask = np.array([[True, True, False]])
    assert patch_shares(mask, (1, 2)) == pytest.approx(np.array([[1.0, 1 / 3]]))
    assert patch_shares(mask, (1, 1)) == pytest.approx(np.array([[2 / 3]]))
    assert patch_shares(mask.T, (2, 1)).shape == (2, 1)


def test_features_have_length_one_and_zeros_stay() -> None:
    assert unit(np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(
        np.array([[0.6, 0.8], [0.0, 0.0]])
    )


def test_cosines_of_joined_features_are_means() -> None:
    one = np.array([[[1.0, 0.0], [0.0, 2.0]]], np.float32)  # at right angles
    other = np.array([[[5.0, 0.0], [3.0, 0.0]]], np.float32)  # alike
    patches = FeatureMap.joined([one, other], (2, 4)).patches
    assert patches @ patches.T == pytest.approx(np.array([[1.0, 0.5], [0.5, 1.0]]))


def test_fewer_patches_are_means_of_what_they_cover() -> None:
    features = FeatureMap.of_features(np.array([[[1.0, 0.0], [0.0, 1.0]]], np.float32), (4, 8))
    assert features.hw == (1, 2)
    coarse = features.at((1, 1))
    assert coarse.grid[0, 0] == pytest.approx(np.full(2, np.sqrt(0.5)))
    assert coarse.image_hw == (4, 8)


def test_numbers_of_patches_at_every_pixel() -> None:
    full = at_full_size(np.array([[0.0, 1.0]], np.float32), (2, 4))
    assert full[0] == pytest.approx(np.array([0.0, 0.25, 0.75, 1.0]))
