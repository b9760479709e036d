"""Faults: what is wrong with a dataset, where, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MOST_NAMED = 20  # of each kind


class Kind(StrEnum):
    """Kinds of faults."""

    json = "broken JSON"
    record = "no record"
    missing_key = "missing key"
    extra_key = "extra key"
    value = "bad value"
    rle = "run lengths"
    mask_size = "mask of another size"
    empty = "empty mask"
    identical = "identical masks"
    area = "area"
    bbox = "bbox"
    predicted_iou = "predicted_iou"
    stability_score = "stability_score"
    point = "point outside"
    crop_box = "crop_box outside"
    mask_id = "duplicate id"
    image_id = "duplicate image_id"
    image_missing = "image missing"
    record_missing = "record missing"
    file_name = "record of another image"
    image = "broken image"
    image_size = "image of another size"
    metadata = "metadata"
    checksum = "checksum"
    file_missing = "file missing"
    not_listed = "not in the manifest"
    not_read = "not read"
    left_out = "left out"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. mask: the mask's place in its file's list, from 0 on, if it is one mask's."""

    file: str
    kind: Kind
    reason: str
    mask: int | None = None

    def __str__(self) -> str:
        where = self.file if self.mask is None else f"{self.file}, mask {self.mask}"
        return f"{where}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"file": self.file, "mask": self.mask, "kind": self.kind, "reason": self.reason}


@dataclass
class Findings:
    """What was checked, and what is wrong with it.

    without_masks: records that have none; without_scores: masks that no model made; neither is a
    fault. counts: faults of each kind. named: the first of each, so many that the list stays short.
    metadata: images with EXIF, GPS, XMP or IPTC. image_ids: the number of each image, and the file
    that says it.
    """

    most_named: int = MOST_NAMED
    images: int = 0
    masks: int = 0
    without_masks: int = 0
    without_scores: int = 0
    files_hashed: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    named: dict[Kind, list[Fault]] = field(default_factory=dict)
    metadata: Counter[str] = field(default_factory=Counter)
    image_ids: dict[int, str] = field(default_factory=dict)

    def add(self, faults: Iterable[Fault]) -> None:
        """Count faults, and keep the first."""
        for fault in faults:
            self.counts[fault.kind] += 1
            self._name(fault)

    def add_image_id(self, number: int, file: str) -> None:
        """Note an image's number, which another may have."""
        first = self.image_ids.setdefault(number, file)
        if first != file:
            reason = f"its image_id is {number}, as in {first}"
            self.add([Fault(file, Kind.image_id, reason)])

    def merge(self, other: Findings) -> None:
        """Add what was found in another part of the dataset."""
        self.images += other.images
        self.masks += other.masks
        self.without_masks += other.without_masks
        self.without_scores += other.without_scores
        self.files_hashed += other.files_hashed
        self.counts.update(other.counts)
        self.metadata.update(other.metadata)
        for faults in other.named.values():
            for fault in faults:
                self._name(fault)
        for number, file in other.image_ids.items():
            self.add_image_id(number, file)

    @property
    def faults(self) -> int:
        """How many there are, named or not."""
        return sum(self.counts.values())

    def lines(self) -> list[str]:
        """The named faults kind by kind, and how many more there are."""
        lines: list[str] = []
        for kind, count in self.counts.most_common():
            named = self.named.get(kind, [])
            lines += [f"{kind}: {count}", *(f"  {fault}" for fault in named)]
            if count > len(named):
                lines.append(f"  and {count - len(named)} more")
        return lines

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "images": self.images,
            "masks": self.masks,
            "records_without_masks": self.without_masks,
            "masks_without_scores": self.without_scores,
            "files_hashed": self.files_hashed,
            "images_with": dict(self.metadata),
            "faults": self.faults,
            "kinds": {str(kind): count for kind, count in self.counts.most_common()},
            "named": [fault.to_json() for faults in self.named.values() for fault in faults],
        }

    def _name(self, fault: Fault) -> None:
        named = self.named.setdefault(fault.kind, [])
        if len(named) < self.most_named:
            named.append(fault)
