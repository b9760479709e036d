"""Detections: boxes to ask about, of a detector's file in COCO's format or of the truth itself."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from anymask.datasets.listing import read_file
from anymask.datasets.photographs import Unread
from anymask.errors import ImageError, RecordError
from anymask.evaluation.measures.coco_truth import CocoTruth, Id, is_id

NAMED, LONGEST_SHOWN = 5, 60  # values that a note shows, and letters of each
HASH_DIGITS = 16
LARGEST_NUMBER = 1e9  # above any score and any image's side; no NaN is below it
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Detection:
    """A box that can be asked about: X, Y, width and height in pixels, and whose object it has.

    score: the detector's; None of a true box.
    """

    category_id: Id
    bbox_xywh: Box
    score: float | None


@dataclass(frozen=True)
class Detections:
    """Of each image, by its id, those that can be used, in the order of their file.

    sha256: the start of the file's hash. ignored: how many can't be used; notes: which, and why.
    """

    of_image: Mapping[Id, Sequence[Detection]]
    ignored: int = 0
    notes: tuple[Unread, ...] = ()
    sha256: str = ""


def read_detections(location: str, truth: CocoTruth) -> Detections:
    """A list of {image_id, category_id, bbox, score}: a path or an fsspec URL.

    Ignored are those of images and categories that the truth does not have, boxes that are none or
    lie outside their image, and scores that are none. Raises ``RecordError`` for what is no list.
    """
    try:
        content = read_file(location, location)
        entries = json.loads(content)
    except ImageError as error:
        raise RecordError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{location} is no JSON: {error}") from None
    if not isinstance(entries, list):
        raise RecordError(f"{location} is no list of detections, as COCO's results are")
    sha256 = hashlib.sha256(content).hexdigest()[:HASH_DIGITS]
    return _sorted_out(entries, truth, location, sha256)


def true_boxes(truth: CocoTruth) -> Detections:
    """The boxes of all objects that are no crowd, without scores; malformed ones are ignored."""
    entries = (
        {"image_id": image.id, "category_id": truth_object.category_id, "bbox": truth_object.bbox}
        for image in truth.images.values()
        for truth_object in image.objects
        if not truth_object.crowd
    )
    return _sorted_out(entries, truth, truth.location)


def _sorted_out(
    entries: Iterable[Any], truth: CocoTruth, location: str, sha256: str = ""
) -> Detections:
    """sha256: of a detector's file, whose entries have scores."""
    of_image: dict[Id, list[Detection]] = {}
    faults: dict[str, list[str]] = {}
    for entry in entries:
        fault = _fault(entry, truth, bool(sha256))
        if fault:
            reason, value = fault
            faults.setdefault(reason, []).append(_shown(value))
            continue
        x, y, width, height = map(float, entry["bbox"])
        score = float(entry["score"]) if sha256 else None
        detection = Detection(entry["category_id"], (x, y, width, height), score)
        of_image.setdefault(entry["image_id"], []).append(detection)
    name = posixpath.basename(location)
    notes = tuple(Unread(name, _note(reason, values)) for reason, values in faults.items())
    return Detections(of_image, sum(map(len, faults.values())), notes, sha256)


def _fault(entry: Any, truth: CocoTruth, scored: bool) -> tuple[str, Any] | None:
    """What keeps an entry from being used, and the value that does."""
    if not isinstance(entry, dict):
        return "are no detections", entry
    image_id, category_id, bbox = (entry.get(k) for k in ("image_id", "category_id", "bbox"))
    if not is_id(image_id) or image_id not in truth.images:
        return f"are of images that {truth.file_name} does not have", image_id
    if not is_id(category_id) or category_id not in truth.categories:
        return f"are of categories that {truth.file_name} does not have", category_id
    if scored and not _is_number(entry.get("score")):
        return "have scores that are no numbers", entry.get("score")
    if not _is_box(bbox):
        return "have boxes that are not X, Y, width, height", bbox
    if _is_outside(bbox, truth.images[image_id].image_hw):
        return "have boxes outside their image", bbox
    return None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST_NUMBER


def _is_box(bbox: Any) -> TypeGuard[list[float]]:
    whole = isinstance(bbox, list) and len(bbox) == 4 and all(map(_is_number, bbox))
    return whole and min(bbox[2:]) >= 0


def _is_outside(bbox: Sequence[float], image_hw: tuple[int, int]) -> bool:
    x, y, width, height = bbox
    return x > image_hw[1] or y > image_hw[0] or x + width < 0 or y + height < 0


def _note(reason: str, values: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(values))
    more = len(distinct) - NAMED
    named = ", ".join(distinct[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{len(values)} of its entries {reason}: {named}"


def _shown(value: Any) -> str:
    """A value as a note shows it, however large it is."""
    shown = repr(value)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
