"""Masks: a model's answers to prompts, small until somebody asks for pixels.

Shape legend: P prompts, M masks of a prompt, h w low-resolution grid, H W pixels of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import geometry, rle
from anymask.core.geometry import Floats, ResizeMap
from anymask.errors import Error

MASK_THRESHOLD = 0.0  # of logits: above it is the object


@dataclass(frozen=True, eq=False)
class Masks:
    """P × M answers. Column 0 is the answer to give; predicted IoU falls from column to column.

    logits: (P, M, h, w) float32, low resolution, over the model's whole square input.
    predicted_iou: (P, M) float32, how well the model thinks each mask fits.
    image_hw: size of the image that the masks belong to.
    input_px: side of the model's square input.
    threshold: logits above it are the object.
    stretch: the model saw the image stretched to its square instead of padded (``ResizeMap``).
    """

    logits: Floats
    predicted_iou: Floats
    image_hw: tuple[int, int]
    input_px: int
    threshold: float = MASK_THRESHOLD
    stretch: bool = False

    def __post_init__(self) -> None:
        if self.logits.ndim != 4 or self.predicted_iou.shape != self.logits.shape[:2]:
            raise Error(
                "masks need logits (P, M, h, w) and predicted_iou (P, M), "
                f"not {self.logits.shape} and {self.predicted_iou.shape}"
            )

    def __len__(self) -> int:
        return len(self.logits)

    def __getitem__(self, rows: int | slice | npt.NDArray[np.intp]) -> Masks:
        """The answers to some of the prompts, by a number, a slice or an array of numbers."""
        index = np.arange(len(self))[rows].reshape(-1)
        return replace(self, logits=self.logits[index], predicted_iou=self.predicted_iou[index])

    def best(self) -> Masks:
        """Only the first mask of each prompt: P × 1."""
        return replace(self, logits=self.logits[:, :1], predicted_iou=self.predicted_iou[:, :1])

    def full_logits(self) -> Iterator[Floats]:
        """The P · M logit maps at the size of the image, (H, W) each, one at a time.

        Bilinear to the model's input, cut to the image's share of it, bilinear to the image: the
        two steps of the official ``postprocess_masks``, so that borders fall on the same pixels.
        """
        resize_map = ResizeMap(self.image_hw, self.input_px, self.stretch)
        for low_resolution in self.logits.reshape(-1, *self.logits.shape[2:]):
            yield upsample(low_resolution, resize_map)

    def to_bool(self) -> npt.NDArray[np.bool_]:
        """All masks at the size of the image: (P, M, H, W) bool."""
        shape = (*self.predicted_iou.shape, *self.image_hw)
        out = np.empty((shape[0] * shape[1], *self.image_hw), dtype=bool)
        for mask, logits in zip(out, self.full_logits()):
            np.greater(logits, self.threshold, out=mask)
        return out.reshape(shape)

    def to_rle(self) -> list[rle.RLE]:
        """All masks as COCO run-length encodings: P · M of them, prompt by prompt."""
        return [rle.encode(logits > self.threshold) for logits in self.full_logits()]

    def boxes(self) -> Floats:
        """The tight XYXY box of each mask in pixels of the image: (P, M, 4); zeros if empty."""
        boxes = [geometry.mask_boxes(logits > self.threshold) for logits in self.full_logits()]
        return np.array(boxes, np.float32).reshape(*self.predicted_iou.shape, 4)

    def areas(self) -> npt.NDArray[np.int64]:
        """Pixels of each mask at the size of the image: (P, M)."""
        areas = [np.count_nonzero(logits > self.threshold) for logits in self.full_logits()]
        return np.array(areas, np.int64).reshape(self.predicted_iou.shape)

    def stability(self, offset: float = 1.0) -> Floats:
        """IoU of each mask at the threshold plus and minus ``offset``: (P, M) (§B, stability)."""
        scores = [stability_score(x, self.threshold, offset) for x in self.full_logits()]
        return np.array(scores, np.float32).reshape(self.predicted_iou.shape)


def upsample(low_resolution: Floats, resize_map: ResizeMap) -> Floats:
    """(h, w) logits over the model's square to (H, W) logits of the image."""
    side = resize_map.input_px
    content_h, content_w = resize_map.content_hw
    h, w = resize_map.image_hw
    square = cv2.resize(low_resolution, (side, side), interpolation=cv2.INTER_LINEAR)
    content = np.ascontiguousarray(square[:content_h, :content_w])
    full = cv2.resize(content, (w, h), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, dtype=np.float32)


def stability_score(logits: Floats, threshold: float, offset: float) -> float:
    """IoU of the masks at ``threshold ± offset``; 0 where even the larger of them is empty."""
    larger = np.count_nonzero(logits > threshold - offset)
    return np.count_nonzero(logits > threshold + offset) / larger if larger else 0.0
