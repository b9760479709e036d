"""Detectors: where edges are, how strong, and how thin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from anymask.evaluation.rivals.edge_detectors import (
    DETECTORS,
    canny,
    faded,
    gaussian_gradient,
    normalised,
    sobel_gradient,
    suppressed,
    thin_ridges,
)


def halves(height: int = 40, width: int = 60, at: int = 30) -> npt.NDArray[np.uint8]:
    """Dark on the left, light on the right."""
    pixels = np.full((height, width, 3), 50, np.uint8)
    pixels[:, at:] = 200
    return pixels


def random_values(seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).random((30, 40), dtype=np.float32)


@pytest.mark.parametrize("sigma_px", [1.0, 2.0, 3.3])
def test_the_gradient_is_that_of_a_gaussian(sigma_px: float) -> None:
    values = random_values()
    dx, dy = gaussian_gradient(values, sigma_px)
    for ours, order in ((dx, (0, 1)), (dy, (1, 0))):
        theirs = ndimage.gaussian_filter(values, sigma_px, order=order, mode="nearest")
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("gradient", [sobel_gradient, lambda x: gaussian_gradient(x, 2.0)])
def test_a_slope_has_its_own_gradient(gradient: object) -> None:
    y, x = np.mgrid[:40, :50].astype(np.float32)
    assert callable(gradient)
    dx, dy = gradient(3 * x - 2 * y)
    np.testing.assert_allclose(dx[10:-10, 10:-10], 3, atol=1e-4)
    np.testing.assert_allclose(dy[10:-10, 10:-10], -2, atol=1e-4)


@pytest.mark.parametrize("name", DETECTORS)
def test_an_edge_is_found_where_it_is(name: str) -> None:
    edges = DETECTORS[name](halves())
    assert edges.dtype == np.float32
    assert edges.max() == 1.0
    assert set(np.nonzero(edges > 0.01)[1].tolist()) <= {29, 30}
    assert (edges[:, 29:31].max(axis=1) > 0.99).all()


def test_stronger_edges_score_higher() -> None:
    pixels = halves()
    pixels[:, 15:30] = 80
    edges = canny(pixels)
    assert edges[:, 14:16].max() == pytest.approx(30 / 120, rel=0.05)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_plain_picture_has_no_edges(name: str) -> None:
    assert not DETECTORS[name](np.full((20, 30, 3), 77, np.uint8)).any()


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90, 135, 160])
def test_a_ridge_is_left_at_its_crest(angle: float) -> None:
    y, x = np.mgrid[-20:21, -20:21].astype(np.float32)
    across = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    ridge = np.exp(-((across / 3) ** 2)).astype(np.float32)
    dx = np.full_like(ridge, np.cos(np.radians(angle)))
    dy = np.full_like(ridge, np.sin(np.radians(angle)))
    left = suppressed(ridge, dx, dy) > 0
    assert (np.abs(across[left]) <= 0.75).all()
    assert left[np.abs(across) < 0.2].all()
    np.testing.assert_array_equal(suppressed(ridge, -5 * dx, -5 * dy) > 0, left)


def test_without_a_direction_nothing_is_suppressed() -> None:
    values, nothing = random_values(), np.zeros((30, 40), np.float32)
    np.testing.assert_array_equal(suppressed(values, nothing, nothing), values)


def test_lines_side_by_side_become_one() -> None:
    lines = np.zeros((40, 60), np.float32)
    lines[19, 5:55] = lines[21, 5:55] = 1
    left = thin_ridges(lines) > 0.05
    assert set(np.nonzero(left[:, 10:50])[0].tolist()) == {20}
    assert left[20, 10:50].all()


def test_edges_fade_at_the_border() -> None:
    share = faded(np.ones((20, 30), np.float32))
    np.testing.assert_allclose(share[10, :7], [0, 0.2, 0.4, 0.6, 0.8, 1, 1])
    np.testing.assert_array_equal(share, share[::-1, ::-1])
    assert share[3, 4] == pytest.approx(0.6)


def test_normalised_maps_end_at_one() -> None:
    assert normalised(np.array([[0.0, 2.0, 4.0]], np.float32)).tolist() == [[0.0, 0.5, 1.0]]
    assert not normalised(np.zeros((2, 3), np.float32)).any()
