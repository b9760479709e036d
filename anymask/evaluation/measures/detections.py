"""Detections: boxes to ask about, of a detector's file in COCO's format or of the truth itself."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from anymask.core import rle
from anymask.datasets.coco.ids import Id, Ids
from anymask.datasets.listing import read_file
from anymask.datasets.photographs import LeftOut
from anymask.errors import Error, ImageError, RecordError, clipped
from anymask.evaluation.measures.coco_truth import CocoTruth

NAMED, LONGEST_SHOWN = 5, 60  # values that a note shows, and letters of each
NAMED_IDS = 3
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
    mismatch: why none fits the truth, or that there is none, if that is so.
    """

    of_image: Mapping[Id, Sequence[Detection]]
    ignored: int = 0
    notes: tuple[LeftOut, ...] = ()
    sha256: str = ""
    mismatch: str = ""


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
    sorting = _Sorting(truth, posixpath.basename(location), is_scored=True)
    for entry in entries:
        sorting.add(entry)
    mismatch = ""
    if not entries:
        mismatch = f"{location} is an empty list: it has no detections to ask about"
    elif not sorting.exact:
        mismatch = f"{location} does not fit {truth.file_name}: {sorting.mismatch()}"
    return replace(sorting.detections(sha256), mismatch=mismatch)


def true_boxes(truth: CocoTruth) -> Detections:
    """The boxes of all objects that are no crowd, without scores; malformed ones are ignored.

    An object of which the file has no box has that of its mask.
    """
    sorting = _Sorting(truth, truth.file_name, is_scored=False)
    for image in truth.images.values():
        for one in image.objects:
            if not one.crowd:
                bbox = one.bbox
                if not _is_box(bbox) and image.image_hw is not None:
                    with suppress(Error):
                        bbox = rle.bbox_xywh(one.mask(image.image_hw))
                sorting.add({"image_id": image.id, "category_id": one.category_id, "bbox": bbox})
    return sorting.detections()


class _Sorting:
    """Entries on their way to ``Detections``: those that can be used, and why others can't.

    exact: how many can be used whose ids are written as in the truth; matched: and how many whose
    ids have only the same value, by example.
    """

    def __init__(self, truth: CocoTruth, name: str, is_scored: bool) -> None:
        self.truth, self.name, self.is_scored = truth, name, is_scored
        self.image_ids, self.category_ids = Ids(truth.images), Ids(truth.categories)
        self.of_image: dict[Id, list[Detection]] = {}
        self.faults: dict[str, list[str]] = {}
        self.exact = 0
        self.matched: list[str] = []

    def add(self, entry: Any) -> None:
        fault = _fault(entry, self.truth, self.is_scored, self.image_ids, self.category_ids)
        if fault:
            reason, value = fault
            self.faults.setdefault(reason, []).append(clipped(value, LONGEST_SHOWN))
            return
        image_id = self.image_ids.match(entry["image_id"])
        category_id = self.category_ids.match(entry["category_id"])
        assert image_id is not None
        assert category_id is not None
        if image_id == entry["image_id"] and category_id == entry["category_id"]:
            self.exact += 1
        else:
            wrong = "image_id" if image_id != entry["image_id"] else "category_id"
            self.matched.append(f"{wrong} {clipped(entry[wrong], LONGEST_SHOWN)}")
        x, y, width, height = map(float, entry["bbox"])
        score = float(entry["score"]) if self.is_scored else None
        detection = Detection(category_id, (x, y, width, height), score)
        self.of_image.setdefault(image_id, []).append(detection)

    def detections(self, sha256: str = "") -> Detections:
        notes = [
            LeftOut(self.name, _note(reason, values)) for reason, values in self.faults.items()
        ]
        if self.matched:
            reason = f"have ids that {self.truth.file_name} writes otherwise"
            reason += ", and are matched by their values" if self.exact else ""
            notes.append(LeftOut(self.name, _note(reason, self.matched)))
        ignored = sum(map(len, self.faults.values()))
        return Detections(self.of_image, ignored, tuple(notes), sha256)

    def mismatch(self) -> str:
        """Why nothing fits, and what to do."""
        reasons = [_note(reason, values) for reason, values in self.faults.items()]
        if not self.matched:
            return f"{'; '.join(reasons)}; it may be of another file"
        images, categories = (
            ", ".join(clipped(one, LONGEST_SHOWN) for one in list(ids)[:NAMED_IDS])
            for ids in (self.truth.images, sorted(self.truth.categories, key=str))
        )
        reason = f"have ids of another type than its own (images {images}; categories {categories})"
        advice = "write the ids as it does"
        return "; ".join([*reasons, f"{_note(reason, self.matched)}; {advice}"])


def _fault(
    entry: Any, truth: CocoTruth, scored: bool, image_ids: Ids, category_ids: Ids
) -> tuple[str, Any] | None:
    """What keeps an entry from being used, and the value that does."""
    if not isinstance(entry, dict):
        return "are no detections", entry
    image_id, category_id, bbox = (entry.get(k) for k in ("image_id", "category_id", "bbox"))
    known = image_ids.match(image_id)
    if known is None:
        return f"are of images that {truth.file_name} does not have", image_id
    if category_ids.match(category_id) is None:
        return f"are of categories that {truth.file_name} does not have", category_id
    if scored and not _is_number(entry.get("score")):
        return "have scores that are no numbers", entry.get("score")
    if not _is_box(bbox):
        return "have boxes that are not X, Y, width, height", bbox
    image_hw = truth.images[known].image_hw
    if image_hw is not None and _is_outside(bbox, image_hw):
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
