"""Masking: which patches of a target a training hides (*Painter* §3.2, after BEiT).

Shape legend: h w token grid of the stacked picture, example above query.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

LEAST_PATCHES = 16  # of a block that is hidden in one go
SHAPES = (0.3, 1 / 0.3)  # of such a block: height to width
TRIES = 10


def half_mask(grid_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(h, w): the query's half is hidden, as at inference."""
    mask = np.zeros(grid_hw, bool)
    mask[grid_hw[0] // 2 :] = True
    return mask


def block_mask(
    grid_hw: tuple[int, int], share: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """(h, w): random blocks are hidden, ``share`` of all patches together.

    A block has at least ``LEAST_PATCHES`` and at most what is left to hide; where none fits after
    ``TRIES``, single patches make up the rest. At least one patch is hidden.
    """
    mask = np.zeros(grid_hw, bool)
    wanted = min(max(1, round(share * mask.size)), mask.size)
    while (left := wanted - int(mask.sum())) > 0:
        if not _hide_block(mask, left, rng):
            seen = np.flatnonzero(~mask)
            mask.flat[rng.choice(seen, left, replace=False)] = True
    return mask


def _hide_block(mask: npt.NDArray[np.bool_], left: int, rng: np.random.Generator) -> bool:
    """Hide a block that adds at most ``left`` patches; whether one was found."""
    height, width = mask.shape
    for _ in range(TRIES):
        area = rng.uniform(min(LEAST_PATCHES, left), left)
        shape = math.exp(rng.uniform(*np.log(SHAPES)))
        rows, columns = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if not (0 < rows <= height and 0 < columns <= width):
            continue
        top, start = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        block = mask[top : top + rows, start : start + columns]
        new = block.size - int(block.sum())
        if 0 < new <= left:
            block[:] = True
            return True
    return False
