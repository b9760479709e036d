"""Windows: which positions of an embedding stand for all of it, seen from one tile of the image.

Shape legend: K masks, L positions of a window, h w embedding grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats, ResizeMap

# In cells of the embedding: the side of the tiles whose points share a window, how far the sharp
# part reaches beyond, and the step between positions of the coarse part.
TILE, MARGIN, STEP = 8, 4, 4
# How near to the end of the sharp part a mask may be that was cut by it: between the last of the
# four logits of a cell and the next cell's first lies where it ends.
RIM = 1 / 8

Tile = tuple[int, int]  # row, column
Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Window:
    """Which positions of an h × w embedding stand for all of it, seen from one tile.

    index: (L,) the positions.
    nearest: (h, w) which of the L stands for each position.
    inside: XYXY of the sharp part, where each stands for itself, in cells.
    """

    index: Numbers
    nearest: Numbers
    inside: tuple[int, int, int, int]

    @classmethod
    def of(cls, tile: Tile, grid: int) -> Window:
        """Everything within ``MARGIN`` of a tile, and every ``STEP``-th position elsewhere."""
        (top, left), (bottom, right) = (
            [min(max(side * TILE + more, 0), grid) for side in tile]
            for more in (-MARGIN, TILE + MARGIN)
        )
        itself = np.arange(grid * grid).reshape(grid, grid)
        stands = _middles(itself, STEP)
        stands[top:bottom, left:right] = itself[top:bottom, left:right]
        index, nearest = np.unique(stands, return_inverse=True)
        return cls(index, nearest.reshape(grid, grid), (left, top, right, bottom))

    def weight(self, rows: int | None = None, columns: int | None = None) -> Floats:
        """(L,) how many positions each stands for; of the first rows and columns, None for all."""
        counts = np.bincount(self.nearest[:rows, :columns].reshape(-1), minlength=len(self.index))
        return counts.astype(np.float32)

    def log_weight(self) -> Floats:
        """(L,) logarithm of how many positions each stands for."""
        return np.log(self.weight())

    @cached_property
    def sharp(self) -> Numbers:
        """Which of the L each cell of the sharp part is, as rows and columns."""
        left, top, right, bottom = self.inside
        return np.asarray(self.nearest[top:bottom, left:right])

    def to_grid(self, seen: Bools) -> Bools:
        """(K, L) to (K, h, w)."""
        return np.asarray(seen[:, self.nearest])

    def holds(self, seen: Bools) -> bool:
        """Whether nothing of (L,) is beyond the sharp part."""
        return int(np.count_nonzero(seen)) == int(np.count_nonzero(seen[self.sharp]))

    def lies_within(self, box_xyxy: Floats, resize_map: ResizeMap) -> bool:
        """Whether all of a mask, by its box, was looked at sharply.

        One that reaches the end of the sharp part may go on beyond, where coarse logits say it does
        not: only at the image's own border is that known to be its end.
        """
        grid_to_input = resize_map.input_px / len(self.nearest)
        ends = np.array(resize_map.content_hw[::-1]) / grid_to_input
        half_px = np.array([[-0.5, -0.5], [0.5, 0.5]])
        low, high = resize_map.to_input(box_xyxy.reshape(2, 2) + half_px) / grid_to_input
        first, last = np.array(self.inside).reshape(2, 2)
        begins = (low > first + RIM) | (first == 0)
        stops = (high < last - RIM) | (last >= ends)
        return bool(begins.all() and stops.all())


def _middles(positions: Numbers, step: int) -> Numbers:
    """Of (h, h) positions, for each that in the middle of its block of ``step`` × ``step``."""
    side = len(positions)
    middle = np.minimum(np.arange(side) // step * step + step // 2, side - 1)
    return np.asarray(positions[np.ix_(middle, middle)])
