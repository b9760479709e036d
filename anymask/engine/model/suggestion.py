"""Suggestion: a mask that the model proposes, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from anymask.core import rle


@dataclass(frozen=True)
class Suggestion:
    """segmentation: of the whole image. bbox: XYWH, pixels."""

    segmentation: rle.RLE
    bbox: tuple[int, int, int, int]
    area: int
    predicted_iou: float


def suggestion(segmentation: rle.RLE, predicted_iou: float) -> Suggestion | None:
    """A suggestion with its box and area; None of a mask without pixels."""
    area = rle.area(segmentation)
    if area == 0:
        return None
    x, y, width, height = (int(side) for side in rle.bbox_xywh(segmentation))
    return Suggestion(segmentation, (x, y, width, height), area, predicted_iou)
