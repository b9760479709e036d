"""A full-size mask as the rectangle it lies in, so that its cost is its own size, not the image's.

Shape legend: h w low-resolution grid, H W pixels of the image, h' w' pixels of the patch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.geometry import Floats, ResizeMap, mask_boxes
from anymask.core.masks import MASK_THRESHOLD

BAND_PX = 1 << 16  # of full-size logits that are there at once: they stay in the cache


@dataclass(frozen=True)
class Patch:
    """A mask of an (H, W) image that is empty outside a rectangle.

    mask: (h', w') bool, the rectangle; left, top: its corner in the image.
    """

    mask: npt.NDArray[np.bool_]
    left: int
    top: int
    image_hw: tuple[int, int]

    def area(self) -> int:
        """Pixels of the mask."""
        return int(np.count_nonzero(self.mask))

    def box_xyxy(self) -> Floats:
        """(4,) the tight box, its far corner exclusive; zeros if the mask is empty."""
        if not self.mask.any():
            return np.zeros(4, np.float32)
        return mask_boxes(self.mask) + np.array([self.left, self.top] * 2, np.float32)

    def within(self, left: int, top: int, image_hw: tuple[int, int]) -> Patch:
        """The same mask in a larger image, of which this one was cut at a corner."""
        return replace(self, left=self.left + left, top=self.top + top, image_hw=image_hw)

    def to_rle(self) -> rle.RLE:
        """COCO run lengths of the whole image."""
        return rle.encode_part(self.mask, self.left, self.top, self.image_hw)


def threshold(
    low_resolution: Floats, resize_map: ResizeMap, offset: float = 1.0
) -> tuple[Patch, float]:
    """The mask of (h, w) logits over the model's square, at full size, and its stability.

    Stability is the IoU of the masks at the threshold plus and minus ``offset`` (§B); 0 where even
    the larger of them is empty. What ``core.masks.upsample`` would make is compared and counted
    band by band: the float logits of the whole image are never there.
    """
    height, width = resize_map.image_hw
    content_h, content_w = resize_map.content_hw
    seen = low_resolution > MASK_THRESHOLD - offset
    px = resize_map.input_px // len(seen)
    top, rows = _reach(np.any(seen, axis=1), px, height / content_h, height)
    _, columns = _reach(np.any(seen, axis=0), px, width / content_w, width)
    square = _square(low_resolution, top, px)[:, :content_w]
    # OpenCV resizes one axis exactly as it would both; the other axis has to wait for its bands.
    wide = _resized(square, width, len(square))
    wide = np.ascontiguousarray(wide[:, columns.start : columns.stop])
    low, high, share = _neighbours(rows, height, content_h)
    low, high = low - top.start * px, high - top.start * px
    mask = np.empty((len(rows), len(columns)), dtype=bool)
    smaller = larger = 0
    step = max(1, BAND_PX // max(1, len(columns)))
    for first in range(0, len(rows), step):
        band = slice(first, first + step)
        logits = _between(wide[low[band]], wide[high[band]], share[band, None])
        np.greater(logits, MASK_THRESHOLD, out=mask[band])
        smaller += int(np.count_nonzero(logits > MASK_THRESHOLD + offset))
        larger += int(np.count_nonzero(logits > MASK_THRESHOLD - offset))
    patch = Patch(mask, columns.start, rows.start, resize_map.image_hw)
    return patch, smaller / larger if larger else 0.0


def _reach(seen: npt.NDArray[np.bool_], px: int, scale: float, full: int) -> tuple[range, range]:
    """Where an axis of the mask may be: in low-resolution pixels with a border, and in the image's.

    seen: which of the low-resolution ones are; px: of the model's input to one of them; scale:
    pixels of the image to one of those; full: pixels of the image. Bilinear: a value reaches the
    middles of its neighbours, and those take part only with neighbours of their own.
    """
    there = np.flatnonzero(seen)
    if len(there) == 0:
        return range(1), range(0)
    first, last = int(there[0]), int(there[-1]) + 1
    start = math.ceil(((first - 1) * px - 0.5) * scale - 0.5)
    stop = math.floor(((last + 1) * px + 0.5) * scale - 0.5) + 1
    return range(max(0, first - 3), min(len(seen), last + 3)), range(
        max(0, start), max(0, min(full, stop))
    )


def _square(low_resolution: Floats, rows: range, px: int) -> Floats:
    """Some rows of the logits over the model's square, as if all of them had been resized."""
    part = low_resolution[rows.start : rows.stop]
    return _resized(part, part.shape[1] * px, len(rows) * px)


def _resized(x: Floats, width: int, height: int) -> Floats:
    return np.asarray(
        cv2.resize(x, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )


def _between(low: Floats, high: Floats, share: Floats) -> Floats:
    """``low`` and a share of the way to ``high``, in the memory of both."""
    high -= low
    high *= share
    low += high
    return low


def _neighbours(
    wanted: range, out: int, source: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """For pixels of an axis of ``out``: the two of ``source`` between which each lies, and where.

    Pixel centres at halves, as OpenCV and PyTorch (``align_corners=False``) resize.
    """
    at = ((np.arange(wanted.start, wanted.stop) + 0.5) * (source / out) - 0.5).astype(np.float32)
    at = np.clip(at, 0, source - 1)
    low = np.floor(at).astype(np.intp)
    return low, np.minimum(low + 1, source - 1), at - low.astype(np.float32)
