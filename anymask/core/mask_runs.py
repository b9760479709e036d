"""Full-size masks as the runs they consist of: their cost is their own size, not the image's.

Shape legend: h w low-resolution grid, H W pixels of the image, R runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.logits import MASK_THRESHOLD

BAND_PX = 1 << 16  # of full-size logits that are there at once: they stay in the cache
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MaskRuns:
    """A mask of an (H, W) image as runs of pixels, none of which leaves its column.

    columns: (R,) rising; tops, bottoms: (R,) first row of each and the one after its last, rising
    within a column.
    """

    columns: Numbers
    tops: Numbers
    bottoms: Numbers
    image_hw: tuple[int, int]

    def __repr__(self) -> str:
        height, width = self.image_hw
        return f"MaskRuns({len(self.columns)} runs of {height}×{width} (H×W))"

    @classmethod
    def of_mask(cls, mask: npt.NDArray[np.bool_]) -> MaskRuns:
        """An (H, W) mask."""
        return cls(*_runs(mask.T), mask.shape)

    def area(self) -> int:
        """Pixels of the mask."""
        return int((self.bottoms - self.tops).sum())

    def box_xyxy(self) -> Floats:
        """(4,) the tight box, its far corner exclusive; zeros if the mask is empty."""
        if len(self.columns) == 0:
            return np.zeros(4, np.float32)
        box = self.columns[0], self.tops.min(), self.columns[-1] + 1, self.bottoms.max()
        return np.array(box, np.float32)

    def within(self, left: int, top: int, image_hw: tuple[int, int]) -> MaskRuns:
        """The same mask in a larger image, of which this one was cut at a corner."""
        return replace(
            self,
            columns=self.columns + left,
            tops=self.tops + top,
            bottoms=self.bottoms + top,
            image_hw=image_hw,
        )

    def to_rle(self) -> rle.RLE:
        """COCO run lengths of the whole image."""
        start = self.columns * self.image_hw[0]
        return rle.encode_runs(start + self.tops, start + self.bottoms, self.image_hw)


def runs_and_stability(
    low_resolution: Floats,
    resize_map: ResizeMap,
    offset: float = 1.0,
    threshold: float = MASK_THRESHOLD,
) -> tuple[MaskRuns, float]:
    """The mask of (h, w) logits over the model's square, at full size, and its stability.

    Stability is the IoU of the masks at the threshold plus and minus ``offset`` (§B); 0 where even
    the larger of them is empty. What ``core.logits.upsample`` would make is compared and counted
    band by band: the logits of the whole image are never there, nor is its mask.
    """
    height, width = resize_map.image_hw
    content_h, content_w = resize_map.content_hw
    above = low_resolution > threshold - offset
    cell_h, cell_w = (resize_map.input_px / cells for cells in above.shape)
    _, rows = _reach(np.any(above, axis=1), cell_h, height / content_h, height)
    left, columns = _reach(np.any(above, axis=0), cell_w, width / content_w, width)
    if not rows or not columns:  # nothing, or only beyond the image's share of the square
        none = np.zeros(0, np.int64)
        return MaskRuns(none, none, none, resize_map.image_hw), 0.0
    if not cell_w.is_integer():  # a part of the axis would not be resized as the whole is
        left = range(above.shape[1])
    # Columns first, as run lengths have them. OpenCV resizes one axis exactly as it would both; the
    # other axis has to wait for its bands.
    part = np.ascontiguousarray(low_resolution.T[left.start : left.stop])
    first = round(left.start * cell_w)
    square = _resized(part, resize_map.input_px, round(len(left) * cell_w))
    square = square[: content_w - first, :content_h]
    tall = np.ascontiguousarray(_resized(square, height, len(square))[:, rows.start : rows.stop])
    bands = _Bands(tall, columns, first, content_w / width)
    return bands.counted(rows.start, threshold, offset, resize_map.image_hw)


@dataclass(frozen=True)
class _Bands:
    """Logits of some columns of the image, between those of ``tall``.

    tall: (w', h') logits, of columns of the model's input from number ``first`` on; scale: columns
    of the input to one of the image.
    """

    tall: Floats
    columns: range
    first: int
    scale: float

    def counted(
        self, top: int, threshold: float, offset: float, image_hw: tuple[int, int]
    ) -> tuple[MaskRuns, float]:
        """The runs, the first row being number ``top`` of the image, and the stability."""
        bands, smaller, larger = list[tuple[Numbers, Numbers, Numbers]](), 0, 0
        step = max(1, BAND_PX // max(1, self.tall.shape[1]))
        for first in range(self.columns.start, self.columns.stop, step):
            logits = self._logits(range(first, min(first + step, self.columns.stop)))
            columns, tops, bottoms = _runs(logits > threshold)
            bands.append((columns + first, tops + top, bottoms + top))
            if offset:
                smaller += int(np.count_nonzero(logits > threshold + offset))
                larger += int(np.count_nonzero(logits > threshold - offset))
        columns, tops, bottoms = (np.concatenate(arrays) for arrays in zip(*bands))
        runs = MaskRuns(columns, tops, bottoms, image_hw)
        if not offset:
            smaller = larger = runs.area()
        return runs, smaller / larger if larger else 0.0

    def _logits(self, columns: range) -> Floats:
        """(columns, h') between the two columns of ``tall`` where each lies.

        Pixel centres at halves, as OpenCV and PyTorch (``align_corners=False``) resize.
        """
        middles = np.arange(columns.start, columns.stop) + 0.5
        at = np.maximum((middles * self.scale - 0.5).astype(np.float32), 0)
        low = np.minimum(np.floor(at).astype(np.intp), self.first + len(self.tall) - 1)
        high = np.minimum(low + 1, self.first + len(self.tall) - 1)
        return _between(
            self.tall.take(low - self.first, axis=0),
            self.tall.take(high - self.first, axis=0),
            (at - low.astype(np.float32))[:, None],
        )


def _runs(mask: npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers, Numbers]:
    """Column, first row and last row + 1 of each run of a mask given column by column."""
    count, height = mask.shape
    flat = np.zeros(count * (height + 1) + 1, dtype=bool)  # an empty pixel between two columns
    flat[:-1].reshape(count, height + 1)[:, 1:] = mask
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    columns, tops = np.divmod(edges[::2], height + 1)
    return columns, tops, tops + edges[1::2] - edges[::2]


def _reach(
    above: npt.NDArray[np.bool_], cell_px: float, scale: float, full: int
) -> tuple[range, range]:
    """Where an axis of the mask may be: in low-resolution cells with a border, and in the image.

    above: which of the cells have a logit above the threshold; cell_px: pixels of the model's
    input to a cell; scale: pixels of the image to one of the input; full: pixels of the image.
    Bilinear: a value reaches the middles of its neighbours, and those take part only with
    neighbours of their own.
    """
    cells = np.flatnonzero(above)
    if len(cells) == 0:
        return range(1), range(0)
    first, last = int(cells[0]), int(cells[-1]) + 1
    start = max(0, math.ceil(((first - 1) * cell_px - 0.5) * scale - 0.5))
    stop = min(full, math.floor(((last + 1) * cell_px + 0.5) * scale - 0.5) + 1)
    return range(max(0, first - 3), min(len(above), last + 3)), range(start, max(start, stop))


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
