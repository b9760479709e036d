"""Candidate files: boxes and masks of images that somebody else found, in COCO's format.

A file of COCO, whose annotations may have boxes alone, or a detector's list of results, which knows
images by the numbers in their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from anymask.core.rle import RLE
from anymask.datasets.coco.file import of_document, read_document
from anymask.datasets.coco.segmentation import is_empty, rle_of
from anymask.datasets.photographs import Photograph
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


@dataclass(frozen=True)
class CandidateFile:
    """Candidates by the names of images, or by their numbers. Raises ``RecordError``."""

    location: str
    by_name: Mapping[str, tuple[GivenCandidate, ...]]
    by_number: Mapping[int, tuple[GivenCandidate, ...]]

    @classmethod
    def read(cls, location: str) -> CandidateFile:
        """A path or an fsspec URL. Raises ``RecordError`` for a file of another kind."""
        document = read_document(location)
        if isinstance(document, list):
            return cls(location, {}, _of_results(document, location))
        file = of_document(document, location)
        by_name = {}
        for image in file.images:
            given = tuple(_given(one.bbox, one.segmentation) for one in image.annotations)
            for path in image.paths:
                by_name[_base(path)] = given
        return cls(location, by_name, {})

    def of(self, photograph: Photograph) -> tuple[GivenCandidate, ...]:
        """Those of a photograph. Raises ``RecordError`` for one that the file does not know."""
        name = _base(photograph.file_name)
        if name in self.by_name:
            return self.by_name[name]
        if self.by_number:
            return self.by_number.get(photograph.image_id, ())
        raise RecordError(f"{self.location} knows no image {photograph.file_name}")


def _of_results(entries: Iterable[Any], location: str) -> dict[int, tuple[GivenCandidate, ...]]:
    found: dict[int, list[GivenCandidate]] = {}
    for entry in entries:
        number = entry.get("image_id") if isinstance(entry, dict) else None
        if not isinstance(number, int) or isinstance(number, bool):
            raise RecordError(f"{location} is a list of entries that name no image by its number")
        found.setdefault(number, []).append(_given(entry.get("bbox"), entry.get("segmentation")))
    if not found:
        raise RecordError(f"{location} is an empty list: it has no candidates")
    return {number: tuple(each) for number, each in found.items()}


def _given(box: Any, segmentation: Any) -> GivenCandidate:
    try:
        x, y, width, height = (float(side) for side in box)
        return GivenCandidate(
            (x, y, width, height) if min(width, height) > 0 else None, segmentation
        )
    except (TypeError, ValueError, Error):
        return GivenCandidate(None, segmentation)


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
