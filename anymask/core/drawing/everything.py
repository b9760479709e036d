"""The picture of everything: coloured masks over the image, small ones over large ones.

Shape legend: H W pixels of the image, h w of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.core.drawing.colours import Colour, colour
from anymask.core.drawing.light import lightened
from anymask.core.image import RGB
from anymask.core.regions.small_regions import clean as cleaned

PICTURE_PX = 1600  # longest side: what a screen shows
TINT = 0.45
SURROUNDINGS = 0.7  # how much of its light keeps what no mask covers
PX_PER_LINE = 700  # a line is one pixel wide for so many of the picture's


def draw_everything(
    image: RGB,
    segmentations: Sequence[rle.RLE],
    clean: bool = True,
    longest_px: int = PICTURE_PX,
    numbers: Sequence[int] | None = None,
) -> Image.Image:
    """Paint masks over their (H, W, 3) image, each in a colour of its own.

    numbers: of each mask's colour, where they are to have the same in other images.

    clean: without their specks and pinholes. longest_px: a larger image is made smaller, to this
    longest side. Where masks overlap, the smaller one is seen. A dark image is made lighter.
    """
    scale = min(1.0, longest_px / max(image.shape[:2]))
    h, w = (max(1, round(side * scale)) for side in image.shape[:2])
    small = np.asarray(cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA), np.uint8)
    picture = lightened(small)
    painted = np.asarray(cv2.convertScaleAbs(picture, alpha=SURROUNDINGS), np.uint8)
    areas = [rle.area(encoded) for encoded in segmentations]
    by_area = sorted(range(len(areas)), key=lambda number: -areas[number])
    for rank, number in enumerate(by_area):  # large masks, often neighbours, in unlike colours
        mask, left, top = _shown(segmentations[number], (h, w), clean)
        if mask.size:
            rgb = colour(rank if numbers is None else numbers[number])
            _paint(painted, picture, mask, left, top, rgb)
    return Image.fromarray(painted)


def _shown(
    encoded: rle.RLE, picture_hw: tuple[int, int], clean: bool
) -> tuple[npt.NDArray[np.bool_], int, int]:
    """The part of the picture that a mask takes, and where that begins: left, top."""
    mask, left, top = rle.decode_tight(encoded)
    if clean:
        mask = cleaned(mask, (encoded["size"][0], encoded["size"][1]))
    rows, first_row = _sampled(top, mask.shape[0], encoded["size"][0], picture_hw[0])
    columns, first_column = _sampled(left, mask.shape[1], encoded["size"][1], picture_hw[1])
    return mask[np.ix_(rows, columns)], first_column, first_row


def _sampled(start: int, length: int, full: int, shown: int) -> tuple[npt.NDArray[np.int64], int]:
    """Which pixels of a part of an axis the picture shows, counted in the part; and the first's
    place in the picture.
    """
    nearest = ((np.arange(shown) + 0.5) * (full / shown)).astype(np.int64)
    inside = np.flatnonzero((nearest >= start) & (nearest < start + length))
    return nearest[inside] - start, int(inside[0]) if len(inside) else 0


def _paint(
    painted: RGB, picture: RGB, mask: npt.NDArray[np.bool_], left: int, top: int, rgb: Colour
) -> None:
    """Tint and outline one mask, over whatever was painted there before."""
    part = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
    tinted = cv2.addWeighted(picture[part], 1 - TINT, np.full_like(picture[part], rgb), TINT, 0)
    cv2.copyTo(tinted, mask.astype(np.uint8), painted[part])
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(left, top)
    )
    width = max(1, round(max(painted.shape[:2]) / PX_PER_LINE))
    cv2.drawContours(painted, contours, -1, rgb, width, cv2.LINE_AA)
