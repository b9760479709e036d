"""Scribbles as values: strokes, and the points on them that an answer has still to be told.

A promptable model was trained on few points, each put where its answer was wrong (§A): many points
along a stroke are answered worse than one at a time (``benchmarks/scribbles.py``).

Shape legend: N points, H W pixels of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.geometry import deepest_point, interior_distance
from anymask.core.interaction import Click
from anymask.core.prompts import BACKGROUND, OBJECT
from anymask.errors import PromptError

Mask = npt.NDArray[np.bool_]
MIDDLE_SHARE = 0.5  # of a stroke's greatest depth: what is as deep is its middle line


@dataclass(frozen=True, eq=False)
class Scribble:
    """Strokes on an image, (H, W) bool each: on one object, and on what does not belong to it.

    Raises ``PromptError`` where nothing is on the object, or the strokes do not belong together.
    """

    on_object: Mask
    on_background: Mask

    def __post_init__(self) -> None:
        if self.on_object.ndim != 2 or self.on_object.shape != self.on_background.shape:
            raise PromptError(
                "a scribble has two pictures (H, W) of one size, "
                f"not {self.on_object.shape} and {self.on_background.shape}"
            )
        if not self.on_object.any():
            raise PromptError("a scribble needs a stroke on the object")
        if (self.on_object & self.on_background).any():
            raise PromptError("strokes on the object and on the background overlap")

    @property
    def image_hw(self) -> tuple[int, int]:
        """Size of the image that the strokes are on."""
        return self.on_object.shape[0], self.on_object.shape[1]

    def first_point(self) -> Click:
        """Where a stroke on the object is broadest: its deepest point."""
        return deepest_point(self.on_object), OBJECT

    def next_point(self, answer: Mask, points: list[tuple[float, float]]) -> Click | None:
        """The point to add to N points, given the (H, W) answer to them; None: all strokes agree.

        It lies on the middle line of the largest piece of stroke that the answer got wrong, as far
        as can be from the points there are.
        """
        missed, missed_px = _largest_piece(self.on_object & ~answer)
        covered, covered_px = _largest_piece(self.on_background & answer)
        if missed_px == covered_px == 0:
            return None
        if missed_px >= covered_px:
            return _point_on(missed, points), OBJECT
        return _point_on(covered, points), BACKGROUND

    def agreement(self, answer: Mask) -> float:
        """How much of either kind of stroke an (H, W) answer gets right, 0 to 1; the mean of both.

        Where there are no strokes on the background, only the object's count.
        """
        inside = float(answer[self.on_object].mean())
        if not self.on_background.any():
            return inside
        return (inside + 1 - float(answer[self.on_background].mean())) / 2


def _largest_piece(strokes: Mask) -> tuple[Mask, int]:
    """The largest connected piece, corners included, and its pixels; of equal ones the first."""
    count, labels, about, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(strokes).view(np.uint8), connectivity=8
    )
    if count == 1:
        return np.zeros_like(strokes), 0
    areas = about[1:, cv2.CC_STAT_AREA]
    largest = 1 + int(areas.argmax())
    return labels == largest, int(areas.max())


def _point_on(piece: Mask, points: list[tuple[float, float]]) -> tuple[float, float]:
    """XY of the pixel on the middle line of a piece that is furthest from its nearest point."""
    depth, (left, top) = interior_distance(piece)
    rows, columns = np.nonzero(depth >= MIDDLE_SHARE * depth.max())
    xy = np.stack([columns + left, rows + top], axis=1).astype(np.float64)
    to_points = xy[:, None] - np.array(points, np.float64)[None]
    furthest = int((to_points**2).sum(axis=2).min(axis=1).argmax())
    return float(xy[furthest, 0]), float(xy[furthest, 1])
