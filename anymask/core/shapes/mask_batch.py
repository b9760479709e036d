"""The masks of one image as runs in common arrays: their areas, boxes and centres.

Nothing of the image's size is made, and no loop goes over masks: the cost is that of their runs.

Shape legend: N masks, R runs, K pieces of runs that lie in one column, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from anymask.core.rle import MOST_PIXELS
from anymask.core.shapes.run_texts import Flags, Numbers, read_texts
from anymask.core.shapes.usual_texts import read_usual
from anymask.errors import Error

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """Runs cut at the borders of columns: (K,) each, mask by mask, column by column.

    tops, bottoms: the first row, and the one after the last.
    """

    masks: Numbers
    columns: Numbers
    tops: Numbers
    bottoms: Numbers


@dataclass(frozen=True)
class MaskBatch:
    """N masks of an (H, W) image.

    starts, stops: (R,) places of the runs, column by column, the last one exclusive; rising within
    a mask, none of them empty. counts: (N,) how many runs each mask has. is_text: (N,) whether its
    encoding is one of COCO's; fills: (N,) whether it fills the image, too. What does not has no
    run.
    """

    starts: Numbers
    stops: Numbers
    counts: Numbers
    is_text: Flags
    fills: Flags
    image_hw: tuple[int, int]

    def __len__(self) -> int:
        return len(self.counts)

    @classmethod
    def of_texts(
        cls, texts: Sequence[bytes], image_hw: tuple[int, int], fast: bool = True
    ) -> MaskBatch:
        """Masks of COCO's ``counts``. Raises ``Error`` for a size that pycocotools can't count.

        fast: read usual texts the fast way, with the same outcome.
        """
        most = image_hw[0] * image_hw[1]
        if not 0 < most <= MOST_PIXELS:
            raise Error(f"an image of {image_hw[1]}×{image_hw[0]} has no masks")
        usual = read_usual(texts, most) if fast else None
        if usual:
            every = np.ones(len(texts), bool)
            return cls(*usual, every, every, image_hw)
        return cls(*_any_runs(texts, most), image_hw)

    @cached_property
    def areas(self) -> Numbers:
        """(N,) pixels of each mask."""
        return _sums(self.stops - self.starts, self.counts)

    @cached_property
    def boxes_xywh(self) -> Numbers:
        """(N, 4) tight boxes as COCO counts them; zeros of an empty mask."""
        height = self.image_hw[0]
        first, last = self.starts // height, (self.stops - 1) // height
        several = first < last  # such a run goes from the bottom on at the top
        tops = np.where(several, 0, self.starts - first * height)
        bottoms = np.where(several, height, self.stops - last * height)
        boxes = np.zeros((len(self), 4), np.int64)
        full = self.counts > 0
        begins = (np.cumsum(self.counts) - self.counts)[full]
        if len(begins):
            left = first[begins]
            right = last[begins + self.counts[full] - 1] + 1
            top = np.minimum.reduceat(tops, begins)
            bottom = np.maximum.reduceat(bottoms, begins)
            boxes[full] = np.stack([left, top, right - left, bottom - top], axis=1)
        return boxes

    @cached_property
    def pieces(self) -> Pieces:
        """The runs, column by column."""
        height = self.image_hw[0]
        first = self.starts // height
        spans = (self.stops - 1) // height - first + 1
        runs = np.repeat(np.arange(len(spans)), spans)
        columns = first[runs] + np.arange(len(runs)) - np.repeat(np.cumsum(spans) - spans, spans)
        tops = np.maximum(self.starts[runs] - columns * height, 0)
        bottoms = np.minimum(self.stops[runs] - columns * height, height)
        owners = np.repeat(np.arange(len(self)), self.counts)
        return Pieces(owners[runs], columns, tops, bottoms)

    @cached_property
    def centres_xy(self) -> Floats:
        """(N, 2) the mean of each mask's pixels, whose own centres lie at halves; NaN of none."""
        pieces = self.pieces
        counts = np.bincount(pieces.masks, minlength=len(self))
        lengths = pieces.bottoms - pieces.tops
        twice = np.stack(
            [
                _sums((2 * pieces.columns + 1) * lengths, counts),
                _sums((pieces.tops + pieces.bottoms) * lengths, counts),
            ],
            axis=1,
        )
        with np.errstate(invalid="ignore"):
            return np.asarray(twice / (2 * self.areas[:, None]))


def _any_runs(texts: Sequence[bytes], most: int) -> tuple[Numbers, Numbers, Numbers, Flags, Flags]:
    """The fields of a batch, up to its size, of texts that may be none. most: pixels."""
    read = read_texts(texts)
    lengths, owners = read.lengths, np.repeat(np.arange(len(texts)), read.counts)
    edges = np.cumsum(lengths)
    ends = np.cumsum(read.counts)
    before = np.concatenate([[0], edges])[ends - read.counts]
    totals = np.concatenate([[0], edges])[ends] - before
    # Each, too: sums wrap around.
    fills = read.is_text & (totals == most)
    fills[owners[(lengths < 0) | (lengths > most)]] = False
    place = np.arange(len(lengths)) - np.repeat(ends - read.counts, read.counts)
    inside = np.flatnonzero((place & 1 == 1) & (lengths > 0) & fills[owners])
    stops = edges[inside] - before[owners[inside]]
    counts = np.bincount(owners[inside], minlength=len(texts))
    return stops - lengths[inside], stops, counts, read.is_text, fills


def _sums(values: Numbers, counts: Numbers) -> Numbers:
    """(N,) sums of consecutive values, so many each."""
    sums = np.concatenate([[0], np.cumsum(values)])
    ends = np.cumsum(counts)
    return np.asarray(sums[ends] - sums[ends - counts])
