"""How alike two masks are.

Shape legend: P masks, H W pixels.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from anymask.errors import Error

Mask = npt.NDArray[np.bool_]
BOUNDARY_RATIO = 0.02  # of an image's diagonal: how deep a boundary reaches into its mask


def mask_iou(a: Mask, b: Mask) -> npt.NDArray[np.float64]:
    """Intersection over union of masks: (P, H, W) or (H, W) each; (P,), or () of two (H, W).

    One mask may be compared with many. 0 where both are empty, as pycocotools has it.
    Raises ``Error`` for masks of different size.
    """
    if a.shape[-2:] != b.shape[-2:]:
        raise Error(f"masks of {a.shape[-2:]} and {b.shape[-2:]} (H, W) can't be compared")
    shared, union = _areas(a & b), _areas(a | b)
    return np.asarray(shared / np.maximum(union, 1), np.float64)


def boundary_iou(a: Mask, b: Mask, ratio: float = BOUNDARY_RATIO) -> float:
    """IoU of the boundaries of two (H, W) masks (Cheng et al. 2021, "Boundary IoU", §4).

    It is the one where both masks are smaller than their boundaries are deep, and 0 where both are
    empty. Raises ``Error`` for masks of different size.
    """
    return float(mask_iou(boundary(a, ratio), boundary(b, ratio)))


def boundary(mask: Mask, ratio: float = BOUNDARY_RATIO) -> Mask:
    """The pixels of an (H, W) mask near what is outside it, the image's border included.

    Near: within ``ratio`` of the image's diagonal, at least a pixel, counted in steps to any of
    the eight neighbours, as the authors' own code has it.
    """
    depth = boundary_px(mask.shape, ratio)
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    part = mask[top : top + height, left : left + width]
    edge = np.zeros_like(mask)
    if width:
        framed = cv2.copyMakeBorder(part.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        inner = cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=depth)[1:-1, 1:-1]
        np.greater(part, inner, out=edge[top : top + height, left : left + width])
    return edge


def boundary_px(image_hw: tuple[int, ...], ratio: float = BOUNDARY_RATIO) -> int:
    """How many pixels deep a boundary is in an image of (H, W)."""
    return max(1, round(ratio * math.hypot(*image_hw)))


def _areas(masks: Mask) -> npt.NDArray[np.intp]:
    """Pixels of each (..., H, W) mask; counted one by one, NumPy is many times as fast."""
    leading, hw = masks.shape[:-2], masks.shape[-2:]
    counts = [np.count_nonzero(mask) for mask in masks.reshape(math.prod(leading), *hw)]
    return np.array(counts, np.intp).reshape(leading)
