"""Taught: what a teacher answered to the clicks that a pass of scenes begins with.

Shape legend: P objects, K masks of a click, h w low-resolution grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats


@dataclass(frozen=True, eq=False)
class Taught:
    """A teacher's answers to a click on each of P objects.

    points_xy: (P, 2) pixels of the model's input. certainty: (P, K, h, w) uint8, 0 to 255, how
    surely a cell is in each mask. predicted_iou: (P, K), the teacher's own. is_true: (P,) bool,
    whether the object is one that people drew; others are the mask that the teacher is surest of.
    """

    points_xy: Floats
    certainty: npt.NDArray[np.uint8]
    predicted_iou: Floats
    is_true: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.points_xy)

    def __getitem__(self, rows: slice | npt.NDArray[np.intp]) -> Taught:
        return Taught(
            self.points_xy[rows],
            self.certainty[rows],
            self.predicted_iou[rows],
            self.is_true[rows],
        )

    def flipped(self, input_px: int) -> Taught:
        """The same, left to right."""
        x, y = self.points_xy.T
        return replace(
            self,
            points_xy=np.stack([input_px - 1 - x, y], axis=1),
            certainty=self.certainty[..., ::-1].copy(),
        )


def joined_taught(several: Sequence[Taught | None]) -> Taught | None:
    """Of several images, in order; None where nobody taught."""
    parts = [taught for taught in several if taught is not None]
    if not parts:
        return None
    names = ("points_xy", "certainty", "predicted_iou", "is_true")
    return Taught(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
