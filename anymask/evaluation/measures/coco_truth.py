"""CocoTruth: what a COCO or LVIS file says of images and their objects, for COCO's own metrics.

The reader of datasets (``datasets.coco``) gives masks with names. Average precision also asks for
ids, areas and crowds, and of LVIS what was looked for in each image.

Shape legend: H W pixels.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from anymask.core.rle import RLE
from anymask.datasets.coco.file import CocoAnnotation, CocoFile, CocoImage, load
from anymask.datasets.coco.ids import Id, is_id
from anymask.datasets.coco.names import NameIndex, alike
from anymask.datasets.coco.segmentation import rle_of
from anymask.errors import ImageError
from anymask.evaluation.measures.recall import FREQUENCIES

LETTERS = tuple(FREQUENCIES)


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
        return rle_of(self.segmentation, image_hw)


@dataclass(frozen=True, slots=True)
class TrueImage:
    """An image of the file.

    image_hw: None where the file does not say it. looked_for: the categories that LVIS's annotators
    decided about, found or not; None: all. not_exhaustive: those of them of which some objects have
    no mask.
    """

    id: Id
    image_hw: tuple[int, int] | None
    objects: tuple[TrueObject, ...]
    looked_for: frozenset[Id] | None = None
    not_exhaustive: frozenset[Id] = frozenset()


@dataclass(frozen=True)
class CocoTruth:
    """A COCO or LVIS file.

    images: by id; ids: of the images, by file name. categories: of the list and the annotations.
    names, frequencies: of categories, as far as the file says; frequencies are LVIS's letters.
    is_lvis: whether LVIS's rules hold. further_ids: of the images, by other paths that they may
    have.
    """

    location: str
    images: Mapping[Id, TrueImage]
    ids: Mapping[str, Id]
    categories: frozenset[Id]
    names: Mapping[Id, str]
    frequencies: Mapping[Id, str]
    is_lvis: bool
    further_ids: Sequence[tuple[str, Id]] = ()

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
        near = self._index.nearest([sample_name]) or self._alike.nearest([sample_name])
        if len(near) != 1:
            raise ImageError(f"{sample_name} is not in {self.file_name}")
        return self.images[near[0]]

    def with_sizes(self, sizes: Mapping[Id, tuple[int, int]]) -> CocoTruth:
        """The same, with what was found out of images whose size the file does not say."""
        sized = {one: replace(self.images[one], image_hw=hw) for one, hw in sizes.items()}
        return replace(self, images={**self.images, **sized})

    @cached_property
    def _index(self) -> NameIndex[Id]:
        return NameIndex(self.further_ids)

    @cached_property
    def _alike(self) -> NameIndex[Id]:
        return NameIndex(self.further_ids, alike)


def read_truth(annotations: str, crowds: str | None = None) -> CocoTruth:
    """Read a COCO or LVIS file, a path or an fsspec URL; what is malformed in it is left out.

    crowds: what is marked as such (``datasets.coco.crowds.decide``). Raises ``RecordError`` for
    what is no such file at all.
    """
    file = load(annotations, crowds)
    images = [image for image in file.images if not _is_unusable(image)]
    is_lvis = any("neg_category_ids" in image.entry for image in images)
    true_images = {image.id: _image(file, image, is_lvis) for image in images}
    used = {o.category_id for image in true_images.values() for o in image.objects}
    return CocoTruth(
        annotations,
        true_images,
        {image.label: image.id for image in images if image.paths},
        frozenset(file.categories) | used,
        {category_id: name for category_id, name in file.categories.items() if name},
        {
            category_id: entry["frequency"]
            for category_id, entry in file.category_entries.items()
            if entry.get("frequency") in LETTERS
        },
        is_lvis,
        tuple((path, image.id) for image in images for path in image.paths),
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


def _is_unusable(image: CocoImage) -> bool:
    """Whether nothing can be measured on an image; one without a name may have detections."""
    return bool(image.fault and image.paths)


def _image(file: CocoFile, image: CocoImage, is_lvis: bool) -> TrueImage:
    objects = [
        _object(one, one.is_marked and not file.decision.are_objects, one.category_id)
        for one in image.annotations
        if one.category_id is not None
    ]
    present = {one.category_id for one in objects}
    entry = image.entry
    return TrueImage(
        image.id,
        image.hw,
        tuple(objects),
        frozenset(present | _ids(entry.get("neg_category_ids"))) if is_lvis else None,
        frozenset(_ids(entry.get("not_exhaustive_category_ids"))) if is_lvis else frozenset(),
    )


def _object(annotation: CocoAnnotation, is_crowd: bool, category_id: Id) -> TrueObject:
    return TrueObject(
        category_id, annotation.bbox, annotation.segmentation, _area(annotation.area), is_crowd
    )


def _area(value: Any) -> float | None:
    """An area in pixels, be it text; None for what no mask has."""
    try:
        area = float(value) if isinstance(value, (int, float, str)) else 0.0
    except (ValueError, OverflowError):
        return None
    return area if math.isfinite(area) and area > 0 else None


def _ids(values: object) -> set[Id]:
    return {value for value in values if is_id(value)} if isinstance(values, list) else set()
