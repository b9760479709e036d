"""Masks: a model's answers to prompts, small until somebody asks for pixels.

Shape legend: P prompts, M masks of a prompt, h w low-resolution grid, H W pixels of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.logits import MASK_THRESHOLD, upsample
from anymask.core.mask_runs import MaskRuns, runs_and_stability
from anymask.core.prompts import LARGEST_NUMBER
from anymask.errors import Error, shown

SCORES_SHOWN = 6  # by repr; of more, the least and the greatest


@dataclass(frozen=True, eq=False)
class Masks:
    """P × M answers. Column 0 is the answer to give; predicted IoU falls from column to column.

    logits: (P, M, h, w) float32, low resolution, over the model's whole square input.
    predicted_iou: (P, M) float32, how well the model thinks each mask fits.
    resize_map: from the pixels of the image that the masks belong to, to the model's input.
    threshold: logits above it are the object.

    Run lengths, boxes, areas and stability cost as much as the masks are large; only
    ``full_logits`` and ``to_bool`` fill the whole image. The two ways round differently: where a
    full-size logit is within rounding of the threshold, so may a pixel be on either side.
    Raises ``Error`` for logits and IoUs that don't belong together.
    """

    logits: Floats
    predicted_iou: Floats
    resize_map: ResizeMap
    threshold: float = MASK_THRESHOLD

    def __post_init__(self) -> None:
        if not isinstance(self.resize_map, ResizeMap):
            raise Error(f"masks need the ResizeMap of their image, not {shown(self.resize_map)}")
        if not all(isinstance(x, np.ndarray) for x in (self.logits, self.predicted_iou)):
            raise Error("masks need logits and predicted_iou as arrays")
        if self.logits.ndim != 4 or self.predicted_iou.shape != self.logits.shape[:2]:
            raise Error(
                "masks need logits (P, M, h, w) and predicted_iou (P, M), "
                f"not {self.logits.shape} and {self.predicted_iou.shape}"
            )

    @property
    def image_hw(self) -> tuple[int, int]:
        """Size of the image that the masks belong to."""
        return self.resize_map.image_hw

    def __len__(self) -> int:
        return len(self.logits)

    def __repr__(self) -> str:
        (prompts, masks), (height, width) = self.predicted_iou.shape, self.image_hw
        scores = self.predicted_iou.reshape(-1)
        if len(scores) > SCORES_SHOWN:
            scores_said = f"{scores.min():.4f} to {scores.max():.4f}"
        else:
            scores_said = " ".join(f"{score:.4f}" for score in scores) or "of none"
        return (
            f"Masks({prompts} prompt{'s' * (prompts != 1)} × {masks} mask{'s' * (masks != 1)} of "
            f"{height}×{width} (H×W), predicted_iou {scores_said})"
        )

    def __getitem__(self, rows: int | slice | npt.NDArray[np.intp]) -> Masks:
        """The answers to some of the prompts, by a number, a slice or an array of numbers."""
        index = np.arange(len(self))[rows].reshape(-1)
        return replace(self, logits=self.logits[index], predicted_iou=self.predicted_iou[index])

    def best(self) -> Masks:
        """Only the first mask of each prompt: P × 1."""
        return replace(self, logits=self.logits[:, :1], predicted_iou=self.predicted_iou[:, :1])

    def full_logits(self) -> Iterator[Floats]:
        """The P · M logit maps at the size of the image, (H, W) each, one at a time."""
        for low_resolution in self._flat():
            yield upsample(low_resolution, self.resize_map)

    def to_bool(self) -> npt.NDArray[np.bool_]:
        """All masks at the size of the image: (P, M, H, W) bool."""
        shape = (*self.predicted_iou.shape, *self.image_hw)
        out = np.empty((shape[0] * shape[1], *self.image_hw), dtype=bool)
        for mask, logits in zip(out, self.full_logits()):
            np.greater(logits, self.threshold, out=mask)
        return out.reshape(shape)

    def to_rle(self) -> list[rle.RLE]:
        """All masks as COCO run-length encodings: P · M of them, prompt by prompt."""
        return [runs.to_rle() for runs, _ in self._runs_and_stability()]

    def boxes(self) -> Floats:
        """The tight XYXY box of each mask in pixels of the image: (P, M, 4); zeros if empty."""
        boxes = [runs.box_xyxy() for runs, _ in self._runs_and_stability()]
        return np.array(boxes, np.float32).reshape(*self.predicted_iou.shape, 4)

    def areas(self) -> npt.NDArray[np.int64]:
        """Pixels of each mask at the size of the image: (P, M)."""
        areas = [runs.area() for runs, _ in self._runs_and_stability()]
        return np.array(areas, np.int64).reshape(self.predicted_iou.shape)

    def stability(self, offset: float = 1.0) -> Floats:
        """IoU of each mask at the threshold plus and minus ``offset``: (P, M) (§B, stability)."""
        if not isinstance(offset, (int, float)) or not abs(offset) <= LARGEST_NUMBER:
            raise Error(f"an offset of logits is a number, not {shown(offset)}")
        scores = [stability for _, stability in self._runs_and_stability(offset)]
        return np.array(scores, np.float32).reshape(self.predicted_iou.shape)

    def _flat(self) -> Floats:
        """(P · M, h, w) logits, prompt by prompt."""
        return self.logits.reshape(-1, *self.logits.shape[2:])

    def _runs_and_stability(self, offset: float = 0.0) -> Iterator[tuple[MaskRuns, float]]:
        for low_resolution in self._flat():
            yield runs_and_stability(low_resolution, self.resize_map, offset, self.threshold)
