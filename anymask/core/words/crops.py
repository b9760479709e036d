"""Crops: what of an image is shown to an encoder of whole pictures when one object is meant.

A square about the object's box, wider by ``scale``. What surrounds the object says what it may be,
and also shows other things: one crop leaves it as it is, another dims it.

Shape legend: H W pixels of the image, S the crop's side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.image import resize_to

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

GREY = 127  # what is outside of the image, and what the surroundings are dimmed towards
SOFT_SHARE = 0.01  # of the crop: how softly an object's edge is cut


@dataclass(frozen=True)
class CropView:
    """One way of showing an object.

    scale: the square's side over the box's longer side. dimmed: how much of the surroundings is
    taken away, 0 to 1. mirrored: left and right exchanged.
    """

    scale: float = 1.15
    dimmed: float = 0.0
    mirrored: bool = False


def square_xyxy(box_xyxy: npt.ArrayLike, scale: float) -> tuple[int, int, int, int]:
    """Whole pixels of the square about a box's centre; it may reach beyond the image."""
    left, top, right, bottom = np.asarray(box_xyxy, float)
    side = max(1, round(max(right - left, bottom - top) * scale))
    x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
    return x, y, x + side, y + side


def crop(
    pixels: Pixels, box_xyxy: npt.ArrayLike, view: CropView, side_px: int, mask: Mask | None = None
) -> Pixels:
    """(S, S, 3) of (H, W, 3) RGB; without a mask (H, W) nothing is dimmed."""
    square = square_xyxy(box_xyxy, view.scale)
    shown = _cut(pixels, square, GREY)
    if view.dimmed and mask is not None:
        shown = _dimmed(shown, _cut(mask.view(np.uint8), square, 0), view.dimmed)
    resized = resize_to(shown, (side_px, side_px))
    return np.ascontiguousarray(resized[:, ::-1]) if view.mirrored else resized


def _cut(pixels: Pixels, square: tuple[int, int, int, int], outside: int) -> Pixels:
    """The square's pixels, with one value for those that the image lacks."""
    x0, y0, x1, y1 = square
    height, width = pixels.shape[:2]
    cut = np.full((y1 - y0, x1 - x0, *pixels.shape[2:]), outside, np.uint8)
    top, bottom, left, right = max(y0, 0), min(y1, height), max(x0, 0), min(x1, width)
    cut[top - y0 : bottom - y0, left - x0 : right - x0] = pixels[top:bottom, left:right]
    return cut


def _dimmed(shown: Pixels, mask: Pixels, share: float) -> Pixels:
    """The surroundings of a mask nearer to grey by a share."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.5, SOFT_SHARE * len(mask)))
    kept = (1 - share * (1 - np.clip(2 * soft, 0, 1)))[..., None]
    return np.asarray(np.rint(kept * shown + (1 - kept) * GREY), np.uint8)
