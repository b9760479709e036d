"""J and F of objects in films, as DAVIS defines them (Perazzi et al., 2016).

J is the IoU of regions; F the F-measure of boundaries, a pixel of one matched where the other has
one within 0.008 of the diagonal. The first and the last frame of a film don't count.

Shape legend: H W pixels, T frames that count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

BOUND = 0.008  # of the diagonal
RECALLED = 0.5
BINS = 4


def region_similarity(answer: Mask, truth: Mask) -> float:
    """J: the IoU of two (H, W) masks, 1 where both are empty."""
    union = int((answer | truth).sum())
    return int((answer & truth).sum()) / union if union else 1.0


def boundary_accuracy(answer: Mask, truth: Mask, bound: float = BOUND) -> float:
    """F: how well the boundaries of two (H, W) masks match within a share of the diagonal.

    Where one of them has no boundary, 0, where none has, 1.
    """
    mine, theirs = boundary(answer), boundary(truth)
    if not mine.any() or not theirs.any():
        return float(mine.any() == theirs.any())
    disc = _disc(math.ceil(bound * math.hypot(*answer.shape)))
    precision = float((mine & _grown(theirs, disc)).sum() / mine.sum())
    recall = float((theirs & _grown(mine, disc)).sum() / theirs.sum())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: Mask) -> Mask:
    """(H, W): pixels that differ from the one right of, below or right below them."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, both = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    edge: Mask = (mask ^ right) | (mask ^ below) | (mask ^ both)
    return edge


def recall(values: Sequence[float]) -> float:
    """The share of T frames above 0.5."""
    return float(np.mean(np.asarray(values) > RECALLED))


def decay(values: Sequence[float]) -> float:
    """The mean of the first quarter of T frames, less that of the last: what time takes.

    Quarters share the frames where they meet, as in the official code.
    """
    ends = np.round(np.linspace(1, len(values), BINS + 1) + 1e-10).astype(int) - 1
    first, last = values[ends[0] : ends[1] + 1], values[ends[-2] : ends[-1] + 1]
    return float(np.mean(first) - np.mean(last))


def _disc(radius: int) -> npt.NDArray[np.uint8]:
    steps = np.arange(-radius, radius + 1)
    return (steps[:, None] ** 2 + steps**2 <= radius**2).astype(np.uint8)


def _grown(edge: Mask, disc: npt.NDArray[np.uint8]) -> Mask:
    grown: Mask = cv2.dilate(edge.astype(np.uint8), disc) > 0
    return grown
