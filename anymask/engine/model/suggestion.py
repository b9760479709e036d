"""Suggestion: a mask that the model proposes, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from anymask.core import rle


@dataclass(frozen=True)
class Suggestion:
    """segmentation: of the whole image. bbox: XYWH, pixels. stability_score: None where nobody
    measured it.
    """

    segmentation: rle.RLE
    bbox: tuple[int, int, int, int]
    area: int
    predicted_iou: float
    stability_score: float | None = None


def suggestion(
    segmentation: rle.RLE, predicted_iou: float, stability_score: float | None = None
) -> Suggestion | None:
    """A suggestion with its box and area; None of a mask without pixels."""
    area = rle.area(segmentation)
    if area == 0:
        return None
    x, y, width, height = (int(side) for side in rle.bbox_xywh(segmentation))
    box = x, y, width, height
    return Suggestion(segmentation, box, area, predicted_iou, stability_score)
