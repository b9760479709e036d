"""Palette: a colour for each label of an example, and labels for what a model painted with them.

Shape legend: H W pixels, n labels. Labels are 1 to n, and 0 is the background, which is black.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from anymask.errors import PromptError

Colors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Pixels = npt.NDArray[np.uint8]

BRIGHTEST = 255.0
MOST_LABELS = 4_096  # beyond, neighbours in the cube of colours are nearer than a model paints
AT_ONCE = 16  # labels whose distances are stretched to full size together


@dataclass(frozen=True)
class LabelledPixels:
    """labels: (H, W). confidence: (H, W) in 0-1: how much nearer the label's colour is than the
    next; 1 where a pixel has exactly its colour, 0 where two are equally near.
    """

    labels: Labels
    confidence: npt.NDArray[np.float32]


@cache
def palette(count: int) -> Colors:
    """The colours of background and ``count`` labels, (count + 1, 3) RGB in 0-255, far apart.

    Of the points of a grid in the cube of colours each is the one farthest from those before, so
    that few labels have very different colours. A single label is white, as the papers paint it.

    Raises ``PromptError`` for none, and for more than ``MOST_LABELS``.
    """
    if not 1 <= count <= MOST_LABELS:
        raise PromptError(f"{count} labels can't be painted: 1 to {MOST_LABELS} can")
    side = 2
    while side**3 < count + 1:
        side += 1
    levels = np.linspace(0, BRIGHTEST, side, dtype=np.float32)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    chosen = [0]
    nearest = np.linalg.norm(grid - grid[0], axis=1)
    for _ in range(count):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(grid - grid[chosen[-1]], axis=1))
    colors = grid[chosen]
    colors.setflags(write=False)  # it is kept for whoever asks next
    return colors


def paint(labels: Labels, colors: Colors) -> Pixels:
    """(H, W) labels as (H, W, 3) RGB. colors: of background and labels, as ``palette`` has them."""
    return colors.round().astype(np.uint8)[labels]


def resized_labels(labels: Labels, hw: tuple[int, int]) -> Labels:
    """(H, W) labels at another size, each pixel as the nearest: labels are never mixed."""
    return cv2.resize(labels, hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT).astype(np.int32)


def read_colors(
    painted: npt.NDArray[np.float32], colors: Colors, hw: tuple[int, int]
) -> LabelledPixels:
    """The labels of what a model painted, at the size ``hw``.

    painted: (h, w, 3) RGB in 0-255, or beyond where the model overshoots. Distances to colours are
    stretched, not the painting: between two colours there is no third.
    """
    best = np.full(hw, np.inf, np.float32)
    second = np.full(hw, np.inf, np.float32)
    labels = np.zeros(hw, np.int32)
    for first in range(0, len(colors), AT_ONCE):
        some = colors[first : first + AT_ONCE]
        distances = np.linalg.norm(painted[:, :, None] - some, axis=-1).astype(np.float32)
        for number in range(len(some)):
            distance = cv2.resize(distances[..., number], hw[::-1], interpolation=cv2.INTER_LINEAR)
            is_nearer = distance < best
            second = np.where(is_nearer, best, np.minimum(second, distance))
            labels[is_nearer] = first + number
            best = np.minimum(best, distance)
    with np.errstate(invalid="ignore"):
        confidence = np.where(second > 0, 1 - best / second, 0).astype(np.float32)
    return LabelledPixels(labels, confidence)
