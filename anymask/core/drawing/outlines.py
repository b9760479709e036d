"""Tints and outlines: one copy of an image with masks painted on it.

Shape legend: N masks, H W pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.drawing.colours import Colour
from anymask.core.drawing.light import lightened
from anymask.core.image import RGB

SURROUNDINGS = 0.45  # how much of its light the rest of the image keeps
TINT = 0.35
SPECK_LINES = 16  # shortest outline that is drawn, in line widths


def paint(image: RGB, masks: npt.NDArray[np.bool_], colours: list[Colour]) -> RGB:
    """Tint each of (N, H, W) masks, outline it, and dim what no mask covers."""
    lit = lightened(image).astype(np.float32)
    lit[~masks.any(axis=0)] *= SURROUNDINGS
    for mask, rgb in zip(masks, colours):
        lit[mask] += TINT * (np.array(rgb, np.float32) - lit[mask])
    painted = lit.astype(np.uint8)
    width = line_px(image.shape[:2])
    for mask, rgb in zip(masks, colours):
        outline(painted, mask, rgb, width)
    return painted


def outline(
    painted: RGB, mask: npt.NDArray[np.bool_], rgb: Colour, width: int, left: int = 0, top: int = 0
) -> None:
    """Draw a line of some pixels, edged in white, around a mask whose first pixel lies there."""
    outlines, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(left, top)
    )
    # An outline around a speck hides it: specks are only tinted.
    contours = [outline for outline in outlines if len(outline) > SPECK_LINES * width]
    cv2.drawContours(painted, contours, -1, (255, 255, 255), width + 2, cv2.LINE_AA)
    cv2.drawContours(painted, contours, -1, rgb, width, cv2.LINE_AA)


def line_px(hw: tuple[int, ...]) -> int:
    """The width of lines on a picture of this size."""
    return max(1, round(max(hw) / 500))
