"""Regions: what is said of patches, said of masks, and of pixels by the masks that they lie in.

Patches know what things are and not where they end; masks know where things end and not what they
are.

Shape legend: N masks, h w patches, y x pixels of the size that masks are kept at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import Mask, at_full_size, patch_shares

LARGEST = 0.9  # of the image: a mask that covers more tells nothing
SMALLEST = 0.01  # of the image: a mask of less is no measure of the best
LOW, HIGH = 0.1, 0.98  # quantiles of patches that count as unlike and as like
LEAST = 1e-6
SMALLEST_PATCHES = 0.5  # that a mask counts as at least
LONGEST_PX = 640  # of the size that masks are kept at


@dataclass(frozen=True, eq=False)
class Regions:
    """masks: (N, y, x) of an image, none empty and none nearly all of it. hw: patches of it."""

    masks: Mask
    hw: tuple[int, int]

    @classmethod
    def of_masks(cls, masks: Mask, hw: tuple[int, int]) -> Regions:
        """Of any masks (N, y, x); those that tell nothing are left out."""
        shares = masks.mean(axis=(1, 2))
        return cls(masks[(shares > 0) & (shares < LARGEST)], hw)

    @cached_property
    def shares(self) -> Floats:
        """(N, h·w) how much of each patch each mask covers."""
        each = [patch_shares(mask, self.hw).reshape(-1) for mask in self.masks]
        return np.array(each, np.float32).reshape(len(self.masks), self.hw[0] * self.hw[1])

    @cached_property
    def areas(self) -> Floats:
        """(N,) in patches."""
        return np.asarray(np.maximum(self.shares.sum(axis=1), LEAST), np.float32)

    def means(self, values: Floats) -> Floats:
        """(N,) of what patches (h, w) say."""
        return np.asarray(self.shares @ values.reshape(-1) / self.areas, np.float32)

    def smoothed(self, of_masks: Floats, otherwise: Floats) -> Floats:
        """(h, w) as ``painted``, of patches, by how much of each a mask covers."""
        weights = self.shares / np.sqrt(np.maximum(self.areas, SMALLEST_PATCHES))[:, None]
        total = weights.sum(axis=0)
        mean = (of_masks @ weights) / np.maximum(total, LEAST)
        covered = np.where(total > LEAST, np.clip(self.shares.sum(axis=0), 0, 1), 0)
        alone = otherwise.reshape(-1)
        out = covered * mean + (1 - covered) * alone
        return np.asarray(out.reshape(otherwise.shape), np.float32)

    def painted(self, of_masks: Floats, otherwise: Floats) -> Floats:
        """(y, x) at each pixel the mean of the numbers (N,) of masks that it lies in.

        Small masks say more of a pixel than large ones. otherwise: (h, w) of patches, for pixels
        that no mask has.
        """
        size = self.masks.shape[1:]
        total, weight = np.zeros(size, np.float32), np.zeros(size, np.float32)
        for mask, number, area in zip(self.masks, of_masks, self.areas):
            share = 1 / np.sqrt(max(float(area), SMALLEST_PATCHES))
            total[mask] += share * number
            weight[mask] += share
        alone = at_full_size(otherwise, size)
        return np.where(weight > 0, total / np.maximum(weight, LEAST), alone)


def relative(values: Floats, regions: Regions) -> tuple[Floats, Floats]:
    """Likeness of patches (h, w) by regions, 1 where it is as the likest region's.

    Gives (h, w) of each patch, and (N,) of each region. 0 is what most of the image is like: what
    examples and image differ by as a whole, such as light or style, falls out.
    """
    low, high = np.quantile(values, LOW), np.quantile(values, HIGH)
    scaled = np.asarray((values - low) / max(float(high - low), LEAST), np.float32)
    means = regions.means(scaled)
    is_large = regions.areas >= SMALLEST * scaled.size
    best = max(float(means[is_large].max()), LEAST) if is_large.any() else 1.0
    return scaled / np.float32(best), means / np.float32(best)


def kept_size(image_hw: tuple[int, int]) -> tuple[int, int]:
    """The size that masks of an image are kept at: its own, or smaller."""
    scale = min(1.0, LONGEST_PX / max(image_hw))
    height, width = (max(1, round(side * scale)) for side in image_hw)
    return height, width


def resized(mask: Mask, hw: tuple[int, int]) -> Mask:
    """A mask at another size, each pixel as the nearest."""
    if mask.shape == hw:
        return mask
    near = cv2.resize(mask.view(np.uint8), hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(near > 0)


def components(mask: Mask, least_share: float) -> list[Mask]:
    """The connected parts of a mask, the largest first; least_share: of the image."""
    count, regions, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    areas = stats[:, cv2.CC_STAT_AREA]
    order = sorted(range(1, count), key=lambda number: -areas[number])
    return [regions == number for number in order if areas[number] >= least_share * mask.size]
