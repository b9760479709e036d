"""Detections: boxes to ask about, of a detector's file in COCO's format or of the truth itself."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from anymask.core import rle
from anymask.datasets.coco.ids import Id, Ids
from anymask.datasets.coco.segmentation import is_empty, rle_of, spelled_out
from anymask.datasets.listing import read_file
from anymask.datasets.photographs import LeftOut
from anymask.errors import Error, ImageError, RecordError, clipped
from anymask.evaluation.measures.coco_truth import CocoTruth

NAMED, LONGEST_SHOWN = 5, 60  # values that a note shows, and letters of each
NAMED_IDS = 3
HASH_DIGITS = 16
LARGEST_NUMBER = 1e9  # above any score and any image's side; no NaN is below it
WRAPPERS = ("annotations", "predictions", "detections", "results")
SIDES = (("x", "y", "width", "height"), ("x", "y", "w", "h"))
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

    The list may be one of an object, by a name of ``WRAPPERS``; numbers may be text. Where there is
    no box, it is that of the mask, as COCO has it. Ignored are those of images and categories that
    the truth does not have, boxes that are none or lie outside their image, and scores that are
    none. Raises ``RecordError`` for what is no list.
    """
    try:
        content = read_file(location, location)
        entries = _unwrapped(json.loads(content), location)
    except ImageError as error:
        raise RecordError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{location} is no JSON: {error}") from None
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
                if _box_of(spelled_out(bbox)) is None and image.image_hw is not None:
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
        self.of_masks: list[str] = []

    def add(self, entry: Any) -> None:
        try:
            self._add(entry)
        except _UnusableError as fault:
            self.faults.setdefault(str(fault), []).append(clipped(fault.value, LONGEST_SHOWN))

    def _add(self, entry: Any) -> None:
        """Raises ``_UnusableError``."""
        if not isinstance(entry, dict):
            raise _UnusableError("are no detections", entry)
        image_id = self.image_ids.match(entry.get("image_id"))
        if image_id is None:
            reason = f"are of images that {self.truth.file_name} does not have"
            raise _UnusableError(reason, entry.get("image_id"))
        category_id = self.category_ids.match(entry.get("category_id"))
        if category_id is None:
            reason = f"are of categories that {self.truth.file_name} does not have"
            raise _UnusableError(reason, entry.get("category_id"))
        score = _number(entry.get("score")) if self.is_scored else None
        if self.is_scored and score is None:
            raise _UnusableError("have scores that are no numbers", entry.get("score"))
        box = self._box(entry, self.truth.images[image_id].image_hw)
        if image_id == entry["image_id"] and category_id == entry["category_id"]:
            self.exact += 1
        else:
            wrong = "image_id" if image_id != entry["image_id"] else "category_id"
            self.matched.append(f"{wrong} {clipped(entry[wrong], LONGEST_SHOWN)}")
        self.of_image.setdefault(image_id, []).append(Detection(category_id, box, score))

    def _box(self, entry: Mapping[str, Any], image_hw: tuple[int, int] | None) -> Box:
        """Raises ``_UnusableError``."""
        bbox = spelled_out(entry.get("bbox"))
        if is_empty(bbox) and not is_empty(entry.get("segmentation")):
            box = _box_of_mask(spelled_out(entry["segmentation"]), image_hw)
            self.of_masks.append(f"image_id {clipped(entry['image_id'], LONGEST_SHOWN)}")
            return box
        read = _box_of(bbox)
        if read is None:
            raise _UnusableError("have boxes that are not X, Y, width, height", entry.get("bbox"))
        if image_hw is not None and _is_outside(read, image_hw):
            raise _UnusableError("have boxes outside their image", bbox)
        return read

    def detections(self, sha256: str = "") -> Detections:
        notes = [
            LeftOut(self.name, _note(reason, values)) for reason, values in self.faults.items()
        ]
        if self.matched:
            reason = f"have ids that {self.truth.file_name} writes otherwise"
            reason += ", and are matched by their values" if self.exact else ""
            notes.append(LeftOut(self.name, _note(reason, self.matched)))
        if self.of_masks:
            reason = "have no box, so that the box of their mask is asked about"
            notes.append(LeftOut(self.name, _note(reason, self.of_masks)))
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


class _UnusableError(Error):
    """What keeps an entry from being used. value: that does."""

    def __init__(self, reason: str, value: Any) -> None:
        super().__init__(reason)
        self.value = value


def _unwrapped(document: Any, location: str) -> list[Any]:
    """The list of detections. Raises ``RecordError`` where there is none, or several."""
    if isinstance(document, list):
        return document
    wrapped = document if isinstance(document, dict) else {}
    keys = [key for key in WRAPPERS if isinstance(wrapped.get(key), list)]
    if len(keys) == 1:
        entries: list[Any] = wrapped[keys[0]]
        return entries
    if keys:
        raise RecordError(
            f"{location} has several lists that may be of detections ({', '.join(keys)}): "
            f"give a file with one of them alone"
        )
    raise RecordError(
        f"{location} is no list of detections, as COCO's results are, and has none as "
        f"{', '.join(WRAPPERS[:-1])} or {WRAPPERS[-1]}"
    )


def _number(value: Any) -> float | None:
    """A number, be it text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= LARGEST_NUMBER else None


def _box_of(bbox: Any) -> Box | None:
    """X, Y, width and height of a list or an object; None for what is no box."""
    if isinstance(bbox, dict):
        bbox = next(([bbox[k] for k in keys] for keys in SIDES if bbox.keys() == {*keys}), None)
    if not isinstance(bbox, list) or len(bbox) != 4:
        return None
    x, y, width, height = map(_number, bbox)
    if x is None or y is None or width is None or height is None or min(width, height) < 0:
        return None
    return x, y, width, height


def _box_of_mask(segmentation: Any, image_hw: tuple[int, int] | None) -> Box:
    """Raises ``_UnusableError``. image_hw: where it is not known, run lengths tell it."""
    hw = image_hw
    if hw is None and isinstance(segmentation, dict) and isinstance(segmentation.get("size"), list):
        with suppress(TypeError, ValueError):
            height, width = segmentation["size"]
            hw = int(height), int(width)
    if hw is None:
        raise _UnusableError("have neither a box nor an image of known size", segmentation)
    try:
        mask = rle_of(segmentation, hw)
    except Error as error:
        raise _UnusableError("have no box, and masks that are none", str(error)) from None
    if not rle.area(mask):
        raise _UnusableError("have no box, and masks without a pixel", segmentation)
    x, y, width, height = rle.bbox_xywh(mask)
    return x, y, width, height


def _is_outside(box: Box, image_hw: tuple[int, int]) -> bool:
    x, y, width, height = box
    return x > image_hw[1] or y > image_hw[0] or x + width < 0 or y + height < 0


def _note(reason: str, values: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(values))
    more = len(distinct) - NAMED
    named = ", ".join(distinct[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{len(values)} of its entries {reason}: {named}"
