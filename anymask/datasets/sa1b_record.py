"""SA-1B record: the annotation file of one image, a JSON object (``docs/formats.md``)."""

from __future__ import annotations

import json
from typing import Any, cast

from anymask.core import rle
from anymask.core.annotations import Record
from anymask.errors import Error, RecordError

IMAGE_KEYS = {"image_id": int, "file_name": str, "width": int, "height": int}
NUMBER_KEYS = ("id", "area", "predicted_iou", "stability_score")


def to_bytes(record: Record) -> bytes:
    """A record as its file holds it: the same bytes for the same record."""
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def from_bytes(content: bytes, name: str) -> Record:
    """A record from its file, every mask of it proved to be one of the image's size.

    name: what errors call the file. Keys that anymask does not know are kept. Raises
    ``RecordError``.
    """
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{name} is no JSON: {error}") from None
    try:
        _check_image(record["image"])
        for annotation in record["annotations"]:
            _check_annotation(annotation, record["image"])
    except (Error, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise RecordError(f"{name} is no SA-1B record: {reason}") from None
    return cast(Record, record)


def _check_image(image: dict[str, Any]) -> None:
    for key, kind in IMAGE_KEYS.items():
        if type(image[key]) is not kind:
            raise RecordError(f"the image's {key} is {image[key]!r}")


def _check_annotation(annotation: dict[str, Any], image: dict[str, Any]) -> None:
    which = f"annotation {annotation['id']!r}"
    if annotation["segmentation"]["size"] != [image["height"], image["width"]]:
        raise RecordError(f"{which} is not of the image's size")
    rle.area(annotation["segmentation"])  # which proves the encoding
    for key in NUMBER_KEYS:
        _check_numbers([annotation[key]], 1, f"{which}: {key}")
    for key in ("bbox", "crop_box"):
        _check_numbers(annotation[key], 4, f"{which}: {key}")
    for point in annotation["point_coords"]:
        _check_numbers(point, 2, f"{which}: point_coords")


def _check_numbers(values: Any, count: int, what: str) -> None:
    numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    if not numbers or len(values) != count:
        raise RecordError(f"{what} is {values!r}")
