"""Masks as pictures for programs: white on black, numbers of objects, the object cut out.

Shape legend: P masks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.core.image import RGB
from anymask.errors import OutputError

MOST_OBJECTS = (1 << 16) - 1


def white_on_black(masks: npt.NDArray[np.bool_]) -> Image.Image:
    """(P, H, W) masks as one 8-bit grey picture: 255 where any of them is, 0 elsewhere."""
    return Image.fromarray(masks.any(axis=0).astype(np.uint8) * np.uint8(255))


def cut_out(image: RGB, masks: npt.NDArray[np.bool_]) -> Image.Image:
    """The image where any of (P, H, W) masks covers it; elsewhere clear, and nothing of it left."""
    covered = np.asarray(masks.any(axis=0)).astype(np.uint8)
    return Image.fromarray(np.dstack([image * covered[..., None], covered * np.uint8(255)]))


@dataclass(frozen=True)
class LabelPicture:
    """Which object each pixel belongs to.

    values: (H, W) uint16: 1 for the first mask, 2 for the second, …; 0 for none. Where masks
        overlap, the smaller has the pixel, or the later.
    hidden: numbers of the masks, counted as ``values``, that others cover wholly, or that
        are empty: they are not in the picture.
    """

    values: npt.NDArray[np.uint16]
    hidden: list[int]

    def image(self) -> Image.Image:
        """A 16-bit grey picture, which looks black where numbers are small."""
        return Image.fromarray(self.values)


def label_picture(
    segmentations: Sequence[rle.RLE], image_hw: tuple[int, int], from_back: bool = False
) -> LabelPicture:
    """Masks of one image as numbers. Raises ``OutputError`` for more than 65,535.

    from_back: whether a later mask lies over an earlier one; else a smaller one over a larger one.
    """
    if len(segmentations) > MOST_OBJECTS:
        raise OutputError(
            f"{len(segmentations)} masks do not fit in a 16-bit picture, which numbers "
            f"{MOST_OBJECTS}; write .json or .npz"
        )
    values = np.zeros(image_hw, np.uint16)
    areas = [rle.area(encoded) for encoded in segmentations]
    from_below = range(len(areas))
    for number in from_below if from_back else sorted(from_below, key=lambda n: -areas[n]):
        mask, left, top = rle.decode_tight(segmentations[number])
        part = values[top : top + mask.shape[0], left : left + mask.shape[1]]
        part[mask] = number + 1
    seen = np.bincount(values.reshape(-1), minlength=len(areas) + 1) > 0
    return LabelPicture(values, [number for number in range(1, len(areas) + 1) if not seen[number]])
