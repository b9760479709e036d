"""Small regions: specks and pinholes of a mask, which are noise of its logits.

Shape legend: H W pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

CLEAN_SHARE = 0.01  # of the mask's area: smaller regions belong to its border
CLEAN_PX = 100  # as the paper's masks (§B, postprocessing), whatever the mask's area


def remove_small_regions(mask: Mask, area: float) -> Mask:
    """Fill holes and drop islands of fewer than ``area`` pixels (8-connected)."""
    filled = mask | _small_regions(~mask, area)
    return np.asarray(filled & ~_small_regions(filled, area))


def clean(mask: Mask) -> Mask:
    """An (H, W) mask without its specks and pinholes: what a person would not have drawn.

    Holes and islands go that are smaller than both 1 % of the mask and 100 pixels. Something
    always remains: a mask of specks alone keeps its largest.
    """
    if not mask.any():
        return mask.copy()
    top, bottom = _reach(np.any(mask, axis=1))
    left, right = _reach(np.any(mask, axis=0))
    # A border of one pixel joins the background around the mask to one region, which is no hole.
    inner = np.pad(mask[top:bottom, left:right], 1)
    cleaned = remove_small_regions(inner, min(CLEAN_PX, CLEAN_SHARE * int(inner.sum())))
    if not cleaned.any():
        cleaned = _largest_region(inner)
    out = np.zeros_like(mask)
    out[top:bottom, left:right] = cleaned[1:-1, 1:-1]
    return out


def _largest_region(mask: Mask) -> Mask:
    _, regions, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(regions == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def _small_regions(mask: Mask, area: float) -> Mask:
    """The 8-connected regions of a mask that have fewer than ``area`` pixels."""
    if not mask.any():
        return mask
    _, regions, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < area
    small[0] = False  # what is not in the mask
    return np.asarray(small[regions])


def _reach(any_pixel: Mask) -> tuple[int, int]:
    """From the first to after the last."""
    places = np.flatnonzero(any_pixel)
    return int(places[0]), int(places[-1]) + 1
