"""Candidate files: boxes and masks of images that somebody else found, in COCO's format.

A file of COCO, whose annotations may have boxes alone, or a detector's list of results, which knows
images by the numbers in their names.

Shape legend: n boxes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anymask.core.geometry import Floats, xywh_to_xyxy
from anymask.core.prompts import Prompts
from anymask.core.rle import RLE
from anymask.datasets.coco.file import CocoFile, of_document, read_document
from anymask.datasets.coco.names import EndIndex
from anymask.datasets.coco.segmentation import is_empty, rle_of
from anymask.datasets.left_out import first_of
from anymask.datasets.photographs import LeftOut, Photograph
from anymask.errors import Error, RecordError

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class GivenCandidate:
    """One of an image. box_xywh: in pixels. segmentation: as the file has it, None for a box."""

    box_xywh: Box | None
    segmentation: Any

    def mask(self, image_hw: tuple[int, int]) -> RLE | None:
        """Its mask, if it has one. Raises ``Error``."""
        return None if is_empty(self.segmentation) else rle_of(self.segmentation, image_hw)


@dataclass(frozen=True, eq=False)
class GivenImage:
    """What a file has of one image.

    label: what the file calls it. hw: its size by the file, None where that is not said. fault: why
    its candidates may be another's, "" mostly.
    """

    label: str
    candidates: tuple[GivenCandidate, ...]
    hw: tuple[int, int] | None = None
    fault: str = ""

    def boxes_xyxy(self, image_hw: tuple[int, int]) -> Floats:
        """(n, 4), of the candidates without a mask.

        Raises ``Error`` where one leaves the image, or the image is of another size by the file.
        """
        if self.fault:
            raise RecordError(f"{self.label} {self.fault}")
        if self.hw not in (None, image_hw):
            (height, width), (own_height, own_width) = self.hw, image_hw
            raise RecordError(
                f"{self.label} is {own_width}×{own_height} (width×height), but {width}×{height} "
                f"by the file of candidates"
            )
        bare = [one.box_xywh for one in self.candidates if is_empty(one.segmentation)]
        boxes = np.array([box for box in bare if box is not None], np.float32).reshape(-1, 4)
        corners = xywh_to_xyxy(boxes)
        if len(corners):
            Prompts.of_boxes(corners).check_inside(image_hw)
        return corners

    def masks(self, image_hw: tuple[int, int]) -> list[RLE]:
        """Those of the candidates that have one. Raises ``Error``."""
        masks = (one.mask(image_hw) for one in self.candidates)
        return [mask for mask in masks if mask is not None]


@dataclass(frozen=True, eq=False)
class CandidateFile:
    """Candidates of images.

    digest: of all that the file says. example: an image that it knows, for people. by_path,
    by_number: its images; a list of results has no paths. notes: what of the file is left out.
    """

    location: str
    digest: str
    example: str
    by_path: EndIndex[GivenImage]
    by_number: Mapping[int, GivenImage] | None = None
    notes: tuple[LeftOut, ...] = ()

    @classmethod
    def read(cls, location: str) -> CandidateFile:
        """A path or an fsspec URL. Raises ``RecordError`` for a file of another kind."""
        document = read_document(location)
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
        if isinstance(document, list):
            results = _of_results(document, location)
            example = next(iter(results.values())).label
            return cls(location, digest, example, EndIndex(()), results)
        file = of_document(document, location)
        if not file.images:
            raise RecordError(f"{location} has no images: it has no candidates")
        # What is said last, of crowds, is no matter: they are candidates like others.
        notes = file.notes[:-1] if file.decision.note else file.notes
        return cls(location, digest, file.images[0].label, EndIndex(_named(file)), notes=notes)

    def find(self, photograph: Photograph) -> GivenImage | None:
        """What the file has of a photograph; None where it says nothing of it.

        An image is known by its name, as far as both have folders with these, or by the number in
        it. Raises ``RecordError`` where it may be several.
        """
        if self.by_number is not None:
            return self.by_number.get(photograph.image_id)
        fitting = self.by_path.fitting(photograph.name)
        if len(fitting) > 1:
            labels = first_of(sorted({one.label for one in fitting}))
            raise RecordError(
                f"{photograph.name} may be several images of {self.location}: {labels}"
            )
        return fitting[0] if fitting else None

    def of(self, photograph: Photograph) -> GivenImage:
        """The same; of an image whose number a list of results lacks, nothing.

        Raises ``RecordError`` also where the file says nothing of it.
        """
        given = self.find(photograph)
        if given is None and self.by_number is not None and photograph.is_numbered:
            return GivenImage(photograph.name, ())
        if given is None:
            raise RecordError(self.silence(photograph))
        return given

    def silence(self, photograph: Photograph) -> str:
        """That the file says nothing of a photograph, in a line for people."""
        which = photograph.name
        if self.by_number is not None:
            which = f"{which}: it knows images by the numbers in their names"
        return f"{self.location} says nothing of {which}"


def _named(file: CocoFile) -> Iterable[tuple[str, GivenImage]]:
    for image in file.images:
        each = tuple(_given(one.bbox, one.segmentation) for one in image.annotations)
        given = GivenImage(image.label, each, image.hw, image.fault)
        for path in image.paths:
            yield path, given


def _of_results(entries: Sequence[Any], location: str) -> dict[int, GivenImage]:
    found: dict[int, list[GivenCandidate]] = {}
    for entry in entries:
        number = entry.get("image_id") if isinstance(entry, dict) else None
        if not isinstance(number, int) or isinstance(number, bool):
            raise RecordError(f"{location} is a list of entries that name no image by its number")
        found.setdefault(number, []).append(_given(entry.get("bbox"), entry.get("segmentation")))
    if not found:
        raise RecordError(f"{location} is an empty list: it has no candidates")
    return {number: GivenImage(f"image {number}", tuple(each)) for number, each in found.items()}


def _given(box: Any, segmentation: Any) -> GivenCandidate:
    try:
        x, y, width, height = (float(side) for side in box)
        return GivenCandidate(
            (x, y, width, height) if min(width, height) > 0 else None, segmentation
        )
    except (TypeError, ValueError, Error):
        return GivenCandidate(None, segmentation)
