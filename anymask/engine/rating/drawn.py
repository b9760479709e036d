"""Drawn objects: pictures of one shape each, whose mask is exact because it drew the picture.

Shape legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.image import RGB
from anymask.engine.rating.lots import lot

DRAWN = "(drawn)"  # stands for a data set's name, which is never that of a folder or file
HW = (480, 640)
CORNERS = (0, 3, 4, 5, 6)  # 0: a disc
SKY, FLOOR = (228, 232, 236), (168, 176, 184)
COLOURS = ((196, 78, 52), (38, 112, 166), (70, 130, 70), (120, 76, 140))


@dataclass(frozen=True, eq=False)
class DrawnObject:
    """pixels: (H, W, 3). mask: (H, W), of the shape."""

    name: str
    pixels: RGB
    mask: npt.NDArray[np.bool_]


def drawn_object(number: int, seed: int) -> DrawnObject:
    """The shape of a number: its kind, place and colour by lot."""
    height, width = HW

    def between(low: float, high: float, what: str) -> float:
        return low + (high - low) * lot(seed, "drawn", number, what)

    corners = CORNERS[int(between(0, len(CORNERS), "corners"))]
    colour = COLOURS[int(between(0, len(COLOURS), "colour"))]
    radius = between(0.16, 0.27, "radius") * height
    centre = between(0.3, 0.7, "x") * width, between(0.4, 0.6, "y") * height
    turns = np.linspace(0, 2 * np.pi, corners or 90, endpoint=False) + between(0, 6, "turn")
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius + centre
    mask = np.zeros(HW, np.uint8)
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], 1)
    ground = np.linspace(SKY, FLOOR, height)[:, None]
    pixels: RGB = np.repeat(ground, width, axis=1).astype(np.uint8)
    pixels[mask > 0] = colour
    return DrawnObject(f"drawn {number}", pixels, mask > 0)
