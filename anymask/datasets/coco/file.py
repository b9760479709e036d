"""CocoFile: what a COCO or LVIS file says of its images, its lists brought together by id."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from anymask.datasets.coco import crowds
from anymask.datasets.coco.crowds import Decision, Marks
from anymask.datasets.coco.ids import Id, Ids, is_id
from anymask.datasets.coco.names import file_names, label_of
from anymask.datasets.coco.repeats import Repeats
from anymask.datasets.coco.segmentation import spelled_out
from anymask.datasets.labelling.numbers import number_of
from anymask.datasets.left_out import Tally, listed
from anymask.datasets.listing import MOST_PIXELS, read_file
from anymask.datasets.photographs import LeftOut, page_of
from anymask.datasets.sample import NO_DETAIL, Detail
from anymask.errors import ImageError, RecordError, clipped

LISTS = ("images", "annotations")


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """An annotation as the file has it: nothing but its category is proved.

    label: what messages call it, its id or its number in the list. category_id: of the list of
    categories, or what stands there. group: the category's name (``Sample.groups``). is_marked:
    whether the file marks it as a crowd. detail: under names that COCO has not, as anymask writes.
    """

    label: str
    segmentation: Any
    category_id: Id | None
    group: str | None
    bbox: Any
    area: Any
    is_marked: bool
    detail: Detail = NO_DETAIL


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image of the file.

    label: what messages call it. paths: where it may lie below the folder of images. hw: its sides,
    each None where the file does not say. fault: why it can't be read, if the file shows that.
    entry: what the file says of it.
    """

    id: Id
    label: str
    paths: tuple[str, ...]
    sides_hw: tuple[int | None, int | None]
    fault: str
    annotations: tuple[CocoAnnotation, ...]
    entry: Mapping[str, Any]

    @property
    def hw(self) -> tuple[int, int] | None:
        """The size, where the file says it."""
        height, width = self.sides_hw
        return None if height is None or width is None else (height, width)

    @property
    def state(self) -> str | None:
        """What its annotators say of it, as anymask writes it."""
        stated = self.entry.get("state")
        return stated if isinstance(stated, str) else None


@dataclass(frozen=True)
class CocoFile:
    """A file that is read.

    images: those with a usable id, in the order of the file. categories: names by id, "" where the
    file has none. notes: what of the file is left out, and what was decided.
    """

    location: str
    images: tuple[CocoImage, ...]
    categories: Mapping[Id, str]
    category_entries: Mapping[Id, Mapping[str, Any]]
    decision: Decision
    notes: tuple[LeftOut, ...]

    @cached_property
    def with_objects(self) -> tuple[CocoImage, ...]:
        """The images with annotations that are no crowds."""
        return tuple(image for image in self.images if self.objects_of(image))

    def objects_of(self, image: CocoImage) -> tuple[CocoAnnotation, ...]:
        """The annotations of an image but crowds."""
        if self.decision.are_objects:
            return image.annotations
        return tuple(one for one in image.annotations if not one.is_marked)


def load(annotations: str, choice: str | None = None) -> CocoFile:
    """Read a COCO file's lists; polygons and run lengths stay as they are, unproved.

    choice: what is marked as crowds (``crowds.decide``). Raises ``RecordError``.
    """
    return of_document(read_document(annotations), annotations, choice)


def read_document(location: str) -> Any:
    """What a JSON file holds, a path or an fsspec URL. Raises ``RecordError``."""
    try:
        return json.loads(read_file(location, location))
    except ImageError as error:
        raise RecordError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{location} is no JSON: {error}") from None


def of_document(document: Any, location: str, choice: str | None = None) -> CocoFile:
    """The same of what was read already. Raises ``RecordError``."""
    problem = _is_something_else(document)
    if problem:
        raise RecordError(f"{location} is no COCO file: {problem}")
    return _Reading(document, location, choice).file()


class _Reading:
    """The lists of one file on their way to a ``CocoFile``, and what of them is lost."""

    def __init__(self, document: dict[str, Any], location: str, choice: str | None) -> None:
        self.location, self.choice = location, choice
        self.name = posixpath.basename(location)
        self.document = document
        self.lost_images, self.lost, self.nameless = Tally(), Tally(), Tally()
        self.marks, self.repeats = Marks(), Repeats()
        self.unlisted = ""
        self.other_marks: dict[str, list[str]] = {}

    def file(self) -> CocoFile:
        entries = self._categories()
        images = self._images()
        by_image = self._annotations(images, entries)
        if not images:
            problem = next((line for line, _ in self.lost_images.lines("image")), "")
            problem = problem or next((line for line, _ in self.lost.lines()), "")
            if problem:
                raise RecordError(f"{self.location} is no COCO file: {problem}")
        decision = crowds.decide(self.marks, self.choice)
        coco_images = tuple(
            _image(image_id, entry, fault, by_image.get(image_id, []))
            for image_id, entry, fault in images
        )
        return CocoFile(
            self.location,
            coco_images,
            {category_id: _text(entry.get("name")) for category_id, entry in entries.items()},
            entries,
            decision,
            tuple(self._notes(decision, [(one.label, one.id) for one in coco_images], by_image)),
        )

    def _images(self) -> list[tuple[Id, dict[str, Any], str]]:
        """Id, entry and fault of each; entries that say the same of one image are one."""
        images: dict[Id, dict[str, Any]] = {}
        twice: dict[Id, dict[str, Any]] = {}
        for number, entry in enumerate(self.document["images"]):
            label = f"number {number}"
            if not isinstance(entry, dict):
                self.lost_images.add("it is no entry of an image", label, clipped(entry))
            elif not is_id(entry.get("id")):
                self.lost_images.add("its id is none", label, clipped(entry.get("id")))
            elif images.setdefault(entry["id"], entry) != entry:
                twice[entry["id"]] = entry
        once = [(one, entry, "") for one, entry in images.items() if one not in twice]
        # Nobody can tell whose the annotations of such an id are.
        fault = "has the id {} of another image, so that its annotations may be the other's"
        doubled = [
            (one, entry, fault.format(clipped(one)))
            for one in twice
            for entry in (images[one], twice[one])
        ]
        return [*once, *doubled]

    def _categories(self) -> dict[Id, dict[str, Any]]:
        """Entries by id; groups are no part of a mask, so that what is malformed is passed over."""
        listed_categories = self.document.get("categories")
        entries: dict[Id, dict[str, Any]] = {}
        if listed_categories is not None and not isinstance(listed_categories, list):
            self.unlisted = "its categories are no list: no mask has the name of its category"
        for entry in listed_categories if isinstance(listed_categories, list) else []:
            if isinstance(entry, dict) and is_id(entry.get("id")):
                other = entries.setdefault(entry["id"], entry)
                if other.get("name") != entry.get("name"):
                    names = f"{clipped(other.get('name'))} and {clipped(entry.get('name'))}"
                    self.nameless.add("the id of two categories", clipped(entry["id"]), names)
                    entries[entry["id"]] = {"id": entry["id"]}
        return entries

    def _annotations(
        self,
        images: Sequence[tuple[Id, dict[str, Any], str]],
        categories: Mapping[Id, Mapping[str, Any]],
    ) -> dict[Id, list[CocoAnnotation]]:
        names = {image_id: _text(entry.get("file_name")) for image_id, entry, _ in images}
        image_ids, category_ids = Ids(names), Ids(categories)
        by_image: dict[Id, list[CocoAnnotation]] = {}
        for number, entry in enumerate(self.document["annotations"]):
            if not isinstance(entry, dict):
                self.lost.add("it is no annotation", f"number {number}", clipped(entry))
                continue
            label = f"{entry['id']}" if is_id(entry.get("id")) else f"number {number}"
            image_id = image_ids.match(entry.get("image_id"))
            if image_id is None:
                reason = f"of images that {self.name} does not have"
                self.lost.add(reason, label, f"image_id {clipped(entry.get('image_id'))}")
                continue
            if self.repeats.is_again(entry):
                self.lost.add("in the file before, the same in all", label)
                continue
            annotation = self._annotation(entry, label, category_ids, categories)
            for key in () if annotation.is_marked else crowds.other_marks(entry):
                self.other_marks.setdefault(key, []).append(label)
            by_image.setdefault(image_id, []).append(annotation)
            place = (image_id, annotation.category_id)
            segmentation, is_marked = annotation.segmentation, annotation.is_marked
            self.repeats.add(label, (*place, is_marked), annotation.bbox, segmentation)
            self.marks.add(label, place, names[image_id], segmentation, is_marked)
        return by_image

    def _annotation(
        self,
        entry: Mapping[str, Any],
        label: str,
        category_ids: Ids,
        categories: Mapping[Id, Mapping[str, Any]],
    ) -> CocoAnnotation:
        reference = entry.get("category_id")
        category_id = category_ids.match(reference)
        if category_id is None:
            named = [key for key, one in categories.items() if one.get("name") == reference]
            category_id = named[0] if reference and len(named) == 1 else None
        if category_id is None and is_id(reference):
            category_id = reference
            if categories:
                reason = "its category is not in the list of categories"
                self.nameless.add(reason, label, clipped(reference))
        known = categories.get(category_id, {}) if category_id is not None else {}
        group = known.get("name")
        return CocoAnnotation(
            label,
            spelled_out(entry.get("segmentation")),
            category_id,
            group if isinstance(group, str) else None,
            entry.get("bbox"),
            entry.get("area"),
            crowds.is_marked(entry.get("iscrowd")),
            _detail(entry),
        )

    def _notes(
        self,
        decision: Decision,
        labels: Sequence[tuple[str, Id]],
        by_image: Mapping[Id, list[CocoAnnotation]],
    ) -> list[LeftOut]:
        notes = self.lost_images.notes(self.name, "image")
        notes += self.lost.notes(self.name)
        notes += [
            LeftOut(self.name, line)
            for line, _ in self.nameless.lines("annotation or category", "without a name")
        ]
        notes += [
            LeftOut(
                self.name,
                f"{listed(several, 'annotation')} {_have(several)} {key} 1, which is not looked "
                f"at: only iscrowd 1 marks crowds",
            )
            for key, several in self.other_marks.items()
        ]
        notes += [LeftOut(self.name, self.unlisted)] if self.unlisted else []
        if self.repeats.same_masks:
            notes.append(LeftOut(self.name, self.repeats.note()))
        empty = [label for label, image_id in labels if image_id not in by_image]
        if empty and by_image:
            notes.append(
                LeftOut(self.name, f"{listed(empty, 'image')} {_have(empty)} no annotation")
            )
        if decision.note:
            alone = [
                f"{image_id}"
                for image_id, several in by_image.items()
                if all(one.is_marked for one in several)
            ]
            more = f"; {listed(alone, 'image')} {_have(alone)} nothing else" if alone else ""
            is_left_out = not decision.are_objects
            count = len(self.marks.labels) if is_left_out else 0
            notes.append(LeftOut(self.name, decision.note + more * is_left_out, count))
        return notes


def _image(
    image_id: Id, entry: Mapping[str, Any], fault: str, annotations: Sequence[CocoAnnotation]
) -> CocoImage:
    named = file_names(entry)
    pages = filter(None, map(page_of, named))  # which `anymask masks` puts into names
    paths = (*named, *(file for file, _ in pages))
    label = label_of(entry, paths) if paths else f"image {image_id}"
    sides: tuple[int | None, int | None] = (None, None)
    try:
        sides = _side(entry.get("height")), _side(entry.get("width"))
        is_large = None not in sides and (sides[0] or 0) * (sides[1] or 0) > MOST_PIXELS
        problem = ": too large" if is_large else None
    except ValueError:
        problem = ""
    if not paths:
        fault = fault or "has no file_name"
    elif problem is not None and not fault:
        height, width = clipped(entry.get("height")), clipped(entry.get("width"))
        fault = f"is {width}×{height} (width×height) by the file{problem}"
    return CocoImage(image_id, label, paths, sides, fault, tuple(annotations), entry)


def _side(value: Any) -> int | None:
    """A side in pixels; None where nothing is said. Raises ``ValueError`` for what is none."""
    if value is None or value == "" or (value == 0 and not isinstance(value, bool)):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    number = float(value) if not isinstance(value, int) else value
    if not 1 <= number <= MOST_PIXELS * 10 or number != int(number):
        raise ValueError
    return int(number)


def _is_something_else(document: Any) -> str:
    """What a JSON file is, that is no COCO file of instances; "" for what may be one."""
    if isinstance(document, list):
        return _is_list(document)
    if not isinstance(document, dict):
        return "it has no list of images"
    for key in LISTS:
        if isinstance(document.get(key), dict):
            return f"its {key} are an object, keyed by id, where COCO has a list"
        if key == "images" and "videos" in document and not document.get(key):
            return "it is of videos (YouTube-VIS)"
        if not isinstance(document.get(key), list):
            lone = " (it only lists images, as COCO's image_info files)" if key != "images" else ""
            return f"it has no list of {key}{lone}"
    return _is_without_masks([one for one in document["annotations"] if isinstance(one, dict)])


def _is_list(entries: list[Any]) -> str:
    if entries and isinstance(entries[0], dict) and "image_id" in entries[0]:
        return (
            "it is a list of results of a detector; give the annotations as data and this list to "
            "anymask evaluate boxes (--set detections=…)"
        )
    return "it is a list, and has no list of images"


def _is_without_masks(annotations: list[dict[str, Any]]) -> str:
    """Which of COCO's kinds of annotations without masks these are."""
    if not annotations or any(one.get("segmentation") for one in annotations):
        return ""
    for key, kind in (
        ("caption", "captions"),
        ("keypoints", "keypoints"),
        ("segments_info", "panoptic segments"),
        ("densepose", "DensePose"),
    ):
        if sum(key in one for one in annotations) * 2 > len(annotations):
            return f"it holds {kind}, and no masks"
    return ""


def _detail(entry: Mapping[str, Any]) -> Detail:
    group = _text(entry.get("group")) or None
    scores = number_of(entry.get("predicted_iou")), number_of(entry.get("stability_score"))
    return NO_DETAIL if group is None and scores == (None, None) else Detail(group, *scores)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"
