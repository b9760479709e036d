"""CocoTruth: what a COCO or LVIS file says of images and their objects, for COCO's own metrics.

The reader of datasets (``datasets.coco``) gives masks with names. Average precision also asks for
ids, areas and crowds, and of LVIS what was looked for in each image.

Shape legend: H W pixels.
"""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from anymask.core.rle import RLE
from anymask.datasets import coco
from anymask.datasets.listing import read_file
from anymask.errors import ImageError, RecordError
from anymask.evaluation.measures.recall import FREQUENCIES

LETTERS = tuple(FREQUENCIES)
Id = int | float | str


@dataclass(frozen=True, slots=True)
class TrueObject:
    """An annotation: its category is proved, its box and segmentation are as the file has them.

    area: in pixels by the file, or None. crowd: many objects in one region; a mask in it counts
    neither for nor against.
    """

    category_id: Id
    bbox: Any
    segmentation: Any
    area: float | None
    crowd: bool

    def mask(self, image_hw: tuple[int, int]) -> RLE:
        """The (H, W) mask. Raises ``Error`` if its outline or its encoding is malformed."""
        return coco.rle_of(self.segmentation, image_hw)


@dataclass(frozen=True, slots=True)
class TrueImage:
    """An image of the file.

    looked_for: the categories that LVIS's annotators decided about, found or not; None: all.
    not_exhaustive: those of them of which some objects have no mask.
    """

    id: Id
    image_hw: tuple[int, int]
    objects: tuple[TrueObject, ...]
    looked_for: frozenset[Id] | None = None
    not_exhaustive: frozenset[Id] = frozenset()


@dataclass(frozen=True)
class CocoTruth:
    """A COCO or LVIS file.

    images: by id; ids: of the images, by file name. categories: of the list and the annotations.
    names, frequencies: of categories, as far as the file says; frequencies are LVIS's letters.
    is_lvis: whether LVIS's rules hold.
    """

    location: str
    images: Mapping[Id, TrueImage]
    ids: Mapping[str, Id]
    categories: frozenset[Id]
    names: Mapping[Id, str]
    frequencies: Mapping[Id, str]
    is_lvis: bool

    @property
    def file_name(self) -> str:
        """The annotations' file without its folder, for messages."""
        return posixpath.basename(self.location)

    def image_of(self, sample_name: str) -> TrueImage:
        """The image of a sample, whose name may have folders before what the file calls it.

        Raises ``ImageError`` if the file does not have it.
        """
        parts = sample_name.split("/")
        for first in range(len(parts)):
            name = "/".join(parts[first:])
            if name in self.ids:
                return self.images[self.ids[name]]
        raise ImageError(f"{sample_name} is not in {self.file_name}")


def read_truth(annotations: str) -> CocoTruth:
    """Read a COCO or LVIS file, a path or an fsspec URL; what is malformed in it is left out.

    Raises ``RecordError`` for what is no such file at all.
    """
    document = read_json(annotations)
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise RecordError(f"{annotations} is no COCO file: it has no list of images")
    entries = [
        entry
        for entry in _dicts_of(document, "images")
        if is_id(entry.get("id")) and _has_size(entry)
    ]
    is_lvis = any("neg_category_ids" in entry for entry in entries)
    objects = _objects_by_image(_dicts_of(document, "annotations"))
    categories = [entry for entry in _dicts_of(document, "categories") if is_id(entry.get("id"))]
    used = {one.category_id for of_image in objects.values() for one in of_image}
    return CocoTruth(
        annotations,
        {entry["id"]: _image(entry, objects.get(entry["id"], []), is_lvis) for entry in entries},
        {name: entry["id"] for entry in entries for name in coco.file_names(entry)[-1:]},
        frozenset(entry["id"] for entry in categories) | used,
        {entry["id"]: entry["name"] for entry in categories if isinstance(entry.get("name"), str)},
        {
            entry["id"]: entry["frequency"]
            for entry in categories
            if entry.get("frequency") in LETTERS
        },
        is_lvis,
    )


def frequencies_of(annotations: str) -> dict[str, str]:
    """How often each category of an LVIS file occurs, f, c or r, by name; {} for a COCO file.

    Raises ``RecordError``.
    """
    truth = read_truth(annotations)
    return {
        truth.names[category_id]: letter
        for category_id, letter in truth.frequencies.items()
        if category_id in truth.names
    }


def read_json(location: str) -> Any:
    """What a JSON file holds, a path or an fsspec URL. Raises ``RecordError``."""
    try:
        return json.loads(read_file(location, location))
    except ImageError as error:
        raise RecordError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{location} is no JSON: {error}") from None


def is_id(value: object) -> TypeGuard[Id]:
    """Whether COCO's files may call an image or a category so."""
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _dicts_of(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    values = document.get(key)
    return (
        [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    )


def _objects_by_image(annotations: Iterable[dict[str, Any]]) -> dict[Id, list[TrueObject]]:
    objects: dict[Id, list[TrueObject]] = {}
    for entry in annotations:
        if is_id(entry.get("image_id")) and is_id(entry.get("category_id")):
            objects.setdefault(entry["image_id"], []).append(_object(entry))
    return objects


def _object(entry: dict[str, Any]) -> TrueObject:
    area = entry.get("area")
    return TrueObject(
        entry["category_id"],
        entry.get("bbox"),
        entry.get("segmentation"),
        float(area) if isinstance(area, (int, float)) and math.isfinite(area) else None,
        entry.get("iscrowd") == 1,
    )


def _image(entry: dict[str, Any], objects: Sequence[TrueObject], is_lvis: bool) -> TrueImage:
    present = {one.category_id for one in objects}
    return TrueImage(
        entry["id"],
        (entry["height"], entry["width"]),
        tuple(objects),
        frozenset(present | _ids(entry.get("neg_category_ids"))) if is_lvis else None,
        frozenset(_ids(entry.get("not_exhaustive_category_ids"))) if is_lvis else frozenset(),
    )


def _ids(values: object) -> set[Id]:
    return {value for value in values if is_id(value)} if isinstance(values, list) else set()


def _has_size(entry: dict[str, Any]) -> bool:
    height, width = entry.get("height"), entry.get("width")
    if type(height) is not int or type(width) is not int:
        return False
    return min(height, width) > 0 and height * width <= coco.MOST_PIXELS
