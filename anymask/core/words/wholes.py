"""Wholes: which of an image's masks are things that a word means, not parts or unions of them.

A head is as like "dog" as the dog is. What tells the whole is how large a mask is, how sure its
model was of it, whether its surroundings are like it, and whether a larger mask that it lies in is
as like the word. A logistic regression weighs these; its chances are comparable between images, so
that they also say whether the thing is there at all.

Shape legend: N masks of an image, f numbers of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap, Mask, patch_shares, unit
from anymask.core.words.objects import pooled

RING = 0.15  # of the root of a mask's area: how far its surroundings reach
LIES_IN = 0.85  # of a mask's area, from which on it lies in another
IS_LARGER = 1.4  # times the area: a whole about a part
NEARLY_ALL = 0.8  # of the image: what is larger is no whole thing
FARTHEST = 6.0  # of likenesses, beyond which they all say the same
SAME_THING = 0.5  # IoU from which two masks are of one thing
IS_PART = 0.7  # of a mask's area within another from which it is a part


@dataclass(frozen=True, eq=False)
class Measures:
    """What is known of an image's masks, whatever they are of.

    areas: (N,) shares of the image. sure: (N,) predicted IoU. contrast: (N,) cosine of a mask's
    features with those around it. inside: (N, N) the share of each that lies in each other.
    """

    areas: Floats
    sure: Floats
    contrast: Floats
    inside: Floats

    @classmethod
    def of_masks(
        cls, masks: Sequence[rle.RLE], sure: Sequence[float], features: FeatureMap
    ) -> Measures:
        """Of masks of an image, none empty, and the image's features."""
        decoded = (np.asarray(rle.decode(mask), bool) for mask in masks)
        return cls.of_runs(masks, sure, [contrast_of(mask, features) for mask in decoded])

    @classmethod
    def of_runs(
        cls, masks: Sequence[rle.RLE], sure: Sequence[float], contrast: Sequence[float]
    ) -> Measures:
        """Of masks whose contrast is known."""
        pixels = np.array([rle.area(mask) for mask in masks], np.float32)
        overlaps = np.asarray(rle.iou([*masks], [*masks]), np.float32).reshape(2 * (len(masks),))
        shared = overlaps * (pixels[:, None] + pixels[None]) / (1 + overlaps)
        inside = np.asarray(shared / np.maximum(pixels[:, None], 1), np.float32)
        whole = np.array([float(np.prod(mask["size"])) for mask in masks], np.float32)
        areas = np.asarray(pixels / whole, np.float32)
        return cls(areas, np.array(sure, np.float32), np.array(contrast, np.float32), inside)

    def evidence(self, likeness: Floats) -> Floats:
        """(N, f) what is weighed, for a word that the masks are so like (N,)."""
        if not len(likeness):
            return np.zeros((0, 7), np.float32)
        behind = np.clip(likeness - likeness.max(), -FARTHEST, 0)
        logs = np.log(np.maximum(self.areas, 1e-5))
        columns = (likeness, behind, logs, logs**2, self.sure, self.contrast, self._whole(likeness))
        return np.stack(columns, axis=1).astype(np.float32)

    def _whole(self, likeness: Floats) -> Floats:
        """(N,) how much liker the likest whole is that a mask is a part of; of none, the least."""
        larger = self.areas[None] >= IS_LARGER * self.areas[:, None]
        is_part = (self.inside >= LIES_IN) & larger & (self.areas < NEARLY_ALL)[None]
        liker = np.where(is_part, likeness[None] - likeness[:, None], -FARTHEST)
        return np.asarray(np.clip(liker.max(axis=1), -FARTHEST, FARTHEST), np.float32)

    def once(self, order: Sequence[int]) -> list[int]:
        """Of masks in an order, those that are no part, whole or copy of one before."""
        kept: list[int] = []
        for number in order:
            if all(self._apart(number, other) for other in kept):
                kept.append(number)
        return kept

    def _apart(self, one: int, other: int) -> bool:
        here, there = float(self.inside[one, other]), float(self.inside[other, one])
        union = 1 / max(here, 1e-6) + 1 / max(there, 1e-6) - 1
        return 1 / union <= SAME_THING and max(here, there) <= IS_PART


@dataclass(frozen=True)
class Weighing:
    """weights, offset: of the evidence and beside it: their sum is the logarithm of odds.

    least: the chance from which on a thing is said to be there.
    """

    weights: tuple[float, ...]
    offset: float
    least: float

    def chances(self, evidence: Floats) -> Floats:
        """(N,) in 0-1 of (N, f)."""
        odds = np.clip(evidence @ np.array(self.weights, np.float32) + self.offset, -50, 50)
        return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def contrast_of(mask: Mask, features: FeatureMap) -> float:
    """Cosine of the mean features of a mask (H, W) and of a ring about it; 0 without a ring."""
    side = max(3, round(RING * float(np.sqrt(mask.sum()))) | 1)
    wider = cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8))
    ring: npt.NDArray[np.bool_] = (wider > 0) & ~mask
    if not ring.any():
        return 0.0
    around = np.einsum("hw,hwc->c", patch_shares(ring, features.hw), features.grid)
    return float(unit(pooled(features, mask)) @ unit(np.asarray(around, np.float32)))
