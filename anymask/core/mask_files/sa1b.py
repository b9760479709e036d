"""SA-1B's files: the masks of one image as one JSON object (``docs/formats.md``)."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from anymask.core import rle

Label = int | str  # a class's number, or its name


class ImageRecord(TypedDict):
    """What an SA-1B file says of its image."""

    image_id: int
    file_name: str
    width: int
    height: int


class Annotation(TypedDict):
    """One mask of an SA-1B file. Boxes are XYWH, points XY, all in pixels of the image.

    label: of the example that it is like, where that has one; SA-1B's own files have none.
    """

    id: int
    segmentation: rle.RLE
    bbox: list[float]
    area: int
    predicted_iou: float
    stability_score: float
    crop_box: list[float]
    point_coords: list[list[float]]
    label: NotRequired[Label]


class Record(TypedDict):
    """An SA-1B file.

    reasons: why something that words name was not found; SA-1B's own files have none.
    """

    image: ImageRecord
    annotations: list[Annotation]
    reasons: NotRequired[list[str]]


def bbox_to_last_pixel(bbox: list[float]) -> list[float]:
    """A box XYWH as the official generator and its script count it: one less than COCO a side."""
    x, y, w, h = bbox
    return [x, y, max(w - 1, 0.0), max(h - 1, 0.0)]
