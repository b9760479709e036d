"""Small regions: specks and pinholes of a mask, which are noise of its logits.

Shape legend: H W pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

CLEAN_SHARE = 0.01  # of the mask's area: smaller regions belong to its border
# Specks are noise of logits, so they grow with the image: so many cells of the low-resolution grid.
CLEAN_CELLS, GRID_SIDE = 25, 256


def remove_small_regions(mask: Mask, area: float) -> Mask:
    """Fill holes and drop islands of fewer than ``area`` pixels (8-connected)."""
    filled = mask | _small_regions(~mask, area)
    return np.asarray(filled & ~_small_regions(filled, area))


def clean(mask: Mask, image_hw: tuple[int, int] | None = None) -> Mask:
    """An (H, W) mask without its specks and pinholes: what a person would not have drawn.

    Islands and holes go that are smaller than both 1 % of the mask and 25 cells of the model's
    grid of 256×256 over the image: 100 pixels of an image 512 wide, 1,236 of one 1,800 wide.
    Something always remains: a mask of specks alone keeps its largest.

    image_hw: of the image, if the mask is a part of it.
    """
    if not mask.any():
        return mask.copy()
    top, bottom = _reach(np.any(mask, axis=1))
    left, right = _reach(np.any(mask, axis=0))
    # A border of one pixel joins the background around the mask to one region, which is no hole.
    inner = np.pad(mask[top:bottom, left:right], 1)
    cell_px = max(image_hw or mask.shape) / GRID_SIDE
    area = min(CLEAN_SHARE * int(inner.sum()), CLEAN_CELLS * cell_px**2)
    # A pinhole that touches another, or the outside, by a corner alone is one of its own.
    filled = inner | _small_regions(~inner, area, connectivity=4)
    cleaned = filled & ~_small_regions(filled, area)
    if not cleaned.any():
        cleaned = _largest_region(inner)
    out = np.zeros_like(mask)
    out[top:bottom, left:right] = cleaned[1:-1, 1:-1]
    return out


def _largest_region(mask: Mask) -> Mask:
    _, regions, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(regions == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def _small_regions(mask: Mask, area: float, connectivity: int = 8) -> Mask:
    """The connected regions of a mask that have fewer than ``area`` pixels."""
    if not mask.any():
        return mask
    _, regions, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=connectivity
    )
    small = stats[:, cv2.CC_STAT_AREA] < area
    small[0] = False  # what is not in the mask
    return np.asarray(small[regions])


def _reach(any_pixel: Mask) -> tuple[int, int]:
    """From the first to after the last."""
    places = np.flatnonzero(any_pixel)
    return int(places[0]), int(places[-1]) + 1
