"""Brush: what a person paints on a mask or off it, as exactly as a brush can.

Shape legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Stroke:
    """A region (H, W) that is painted on or off. outline_px: of the object's outline along it."""

    region: Mask
    adds: bool
    outline_px: int

    @property
    def points(self) -> list[list[int]]:
        """XY corners of the region's outline, for a log."""
        outlines, _ = cv2.findContours(
            self.region.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        longest = max(outlines, key=len)
        corners: list[list[int]] = cv2.approxPolyDP(longest, 1.0, closed=True)[:, 0].tolist()
        return corners


def strokes(truth: Mask, predicted: Mask, diameter_px: float) -> Iterator[Stroke]:
    """What makes a mask the true one, the largest region first.

    What is thinner than the brush stays as it is.
    """
    reach = int(diameter_px / 2)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inner = cv2.erode(_framed(truth), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    outline = truth & ~inner.view(np.bool_)
    regions: list[tuple[int, Mask, bool]] = []
    for wrong, adds in ((truth & ~predicted, True), (predicted & ~truth, False)):
        painted = cv2.morphologyEx(_framed(wrong, reach + 1), cv2.MORPH_OPEN, kernel)
        painted = np.ascontiguousarray(painted[reach + 1 : -reach - 1, reach + 1 : -reach - 1])
        count, numbered, stats, _ = cv2.connectedComponentsWithStats(painted, connectivity=8)
        for number in range(1, count):
            area = int(stats[number, cv2.CC_STAT_AREA])
            regions.append((area, np.asarray(numbered == number), adds))
    for _, region, adds in sorted(regions, key=lambda one: -one[0]):
        near = cv2.dilate(region.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
        yield Stroke(region, adds, int(np.count_nonzero(near & outline)))


def _framed(mask: Mask, width: int = 1) -> npt.NDArray[np.uint8]:
    """With so many pixels around that are not in it."""
    return np.asarray(np.pad(mask.view(np.uint8), width), np.uint8)
