"""Reduction: an image and its masks made smaller, so that its shorter side is as wanted.

Images by Lanczos. A mask by a rule in whole numbers, the same on every machine: a pixel of the
small mask is set if at least half of its area is in the large one.

Shape legend: H W pixels of the original, h w of what it becomes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.core.image import RGB
from anymask.core.rle import RLE

SHORT_SIDE_PX = 1500  # SA-1B's

Integers = npt.NDArray[np.int64]


def reduced_hw(hw: tuple[int, int], short_side_px: int) -> tuple[int, int]:
    """(h, w) of an image whose shorter side becomes this long; smaller ones stay as they are.

    The longer side is rounded to the nearest pixel, a half up.
    """
    short = min(hw)
    if short <= short_side_px:
        return hw
    height, width = ((2 * side * short_side_px + short) // (2 * short) for side in hw)
    return height, width


def reduced_image(pixels: RGB, hw: tuple[int, int]) -> RGB:
    """(H, W, 3) pixels as (h, w, 3)."""
    if pixels.shape[:2] == hw:
        return pixels
    return np.array(Image.fromarray(pixels).resize(hw[::-1], Image.Resampling.LANCZOS))


def reduced_mask(mask: RLE, hw: tuple[int, int]) -> RLE:
    """The mask at (h, w), no larger than it is. It may have no pixel left."""
    height, width = mask["size"]
    if (height, width) == hw:
        return mask
    small = np.zeros(hw, bool)
    tight, left, top = rle.decode_tight(mask)
    if tight.size:
        covered, first_column = _covered(tight.T.astype(np.int64), left, width, hw[1])
        covered, first_row = _covered(covered.T, top, height, hw[0])
        # Areas in units of 1/h × 1/w of the original's pixels: a small pixel has H × W of them.
        part = 2 * covered >= height * width
        rows, columns = part.shape
        small[first_row : first_row + rows, first_column : first_column + columns] = part
    return rle.encode(small)


def _covered(values: Integers, first: int, length: int, target: int) -> tuple[Integers, int]:
    """Sums over the spans that become one each, along the first axis, and the number of the first.

    values: (n, m), what lies from place ``first`` on along a side of this length, zeros elsewhere.
    A place that a span has only a part of counts by that part; the sums are in units of 1/target.
    """
    begin = first * target // length
    end = -(-(first + len(values)) * target // length)
    edges = np.arange(begin, end + 1, dtype=np.int64) * length - first * target
    edges = np.clip(edges, 0, len(values) * target)
    whole, rest = np.divmod(edges, target)
    sums = np.zeros((len(values) + 1, values.shape[1]), np.int64)
    np.cumsum(values, axis=0, out=sums[1:])
    after = np.concatenate([values, np.zeros((1, values.shape[1]), np.int64)])
    upto = sums[whole] * target + after[whole] * rest[:, None]
    return np.diff(upto, axis=0), begin
