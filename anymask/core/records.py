"""Records: masks as SA-1B writes them, one JSON object an image (``docs/formats.md``).

Shape legend: P prompts, M masks of a prompt, H W pixels.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from anymask.core import rle
from anymask.core.geometry import Floats
from anymask.core.logits import stability_score
from anymask.core.masks import Masks
from anymask.core.prompts import BACKGROUND, OBJECT, Prompts


class ImageRecord(TypedDict):
    """What an SA-1B file says of its image."""

    image_id: int
    file_name: str
    width: int
    height: int


class Annotation(TypedDict):
    """One mask of an SA-1B file. Boxes are XYWH, points XY, all in pixels of the image."""

    id: int
    segmentation: rle.RLE
    bbox: list[float]
    area: int
    predicted_iou: float
    stability_score: float
    crop_box: list[float]
    point_coords: list[list[float]]


class Record(TypedDict):
    """An SA-1B file."""

    image: ImageRecord
    annotations: list[Annotation]


def record(masks: Masks, prompts: Prompts, file_name: str, image_id: int = 0) -> Record:
    """All P · M masks of one image, prompt by prompt, with the points that asked for them."""
    height, width = masks.image_hw
    per_prompt = masks.predicted_iou.shape[1]
    annotations = [
        _annotation(number, logits, masks, float(iou), _points(prompts, number // per_prompt))
        for number, (logits, iou) in enumerate(zip(masks.full_logits(), masks.predicted_iou.flat))
    ]
    image = ImageRecord(image_id=image_id, file_name=file_name, width=width, height=height)
    return Record(image=image, annotations=annotations)


def _annotation(
    number: int, logits: Floats, masks: Masks, predicted_iou: float, points: list[list[float]]
) -> Annotation:
    height, width = masks.image_hw
    segmentation = rle.encode(logits > masks.threshold)
    return Annotation(
        id=number,
        segmentation=segmentation,
        bbox=rle.bbox_xywh(segmentation),
        area=rle.area(segmentation),
        predicted_iou=predicted_iou,
        stability_score=stability_score(logits, masks.threshold, 1.0),
        crop_box=[0.0, 0.0, float(width), float(height)],
        point_coords=points,
    )


def _points(prompts: Prompts, number: int) -> list[list[float]]:
    clicks = np.isin(prompts.labels[number], (OBJECT, BACKGROUND))
    return [[float(x), float(y)] for x, y in prompts.points[number][clicks]]


def bbox_to_last_pixel(bbox: list[float]) -> list[float]:
    """A box XYWH as the official generator and its script count it: one less than COCO a side."""
    x, y, w, h = bbox
    return [x, y, max(w - 1, 0.0), max(h - 1, 0.0)]
