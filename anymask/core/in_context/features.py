"""FeatureMap: what a model says of each patch of an image, to be compared with other patches.

Shape legend: h w patches, H W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats

Mask = npt.NDArray[np.bool_]
SMALLEST_LENGTH = 1e-6  # of a feature; one of zeros is like nothing


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """grid: (h, w, C) float32 of length 1, which cover the whole image of (H, W) evenly."""

    grid: Floats
    image_hw: tuple[int, int]

    @classmethod
    def of_features(cls, features: Floats, image_hw: tuple[int, int]) -> FeatureMap:
        """Of (h, w, C) features of any length."""
        return cls(unit(features), image_hw)

    @classmethod
    def joined(cls, several: Sequence[Floats], image_hw: tuple[int, int]) -> FeatureMap:
        """Of several features (h, w, C) of the same patches: cosines become their mean."""
        return cls(unit(np.concatenate([unit(one) for one in several], axis=-1)), image_hw)

    def at(self, hw: tuple[int, int]) -> FeatureMap:
        """The same of other patches (h, w), each the mean of what it covers."""
        rows, columns = (_to_cells(old, new) for old, new in zip(self.hw, hw))
        averaged = np.einsum("ah,hwc,bw->abc", rows, self.grid, columns, optimize=True)
        return FeatureMap(unit(averaged), self.image_hw)

    @property
    def hw(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.grid.shape[0], self.grid.shape[1]

    @property
    def patches(self) -> Floats:
        """(h·w, C), row by row."""
        return self.grid.reshape(-1, self.grid.shape[2])

    def shares(self, mask: Mask) -> Floats:
        """(h, w): how much of each patch a mask (H, W) covers, in 0-1."""
        return patch_shares(mask, self.hw)


def unit(features: Floats) -> Floats:
    """Features (..., C) at length 1."""
    length = np.linalg.norm(features, axis=-1, keepdims=True)
    return np.asarray(features / np.maximum(length, SMALLEST_LENGTH), np.float32)


def patch_shares(mask: Mask, hw: tuple[int, int]) -> Floats:
    """(h, w): how much of each of evenly spread patches a mask (H, W) covers, in 0-1."""
    rows, columns = (_to_cells(length, cells) for length, cells in zip(mask.shape, hw))
    return np.asarray(rows @ mask.astype(np.float32) @ columns.T, np.float32)


def at_full_size(values: Floats, image_hw: tuple[int, int]) -> Floats:
    """Numbers of patches (h, w) at every pixel (H, W), smooth between their middles."""
    full = cv2.resize(values, image_hw[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def _to_cells(length: int, cells: int) -> Floats:
    """(cells, length) weights that average pixels into cells of any width, rows of sum 1."""
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(shared, 0, None) * (cells / length), np.float32)
