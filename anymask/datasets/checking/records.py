"""SA-1B records, checked with their images: in folders, in shards, alone."""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from anymask.core.mask_files.sa1b import ImageRecord
from anymask.core.rle import MOST_PIXELS
from anymask.datasets import sa1b_record
from anymask.datasets.checking.annotations import AnnotationCheck, image_hw, segmentation_hw
from anymask.datasets.checking.faults import MOST_NAMED, Fault, Findings, Kind
from anymask.datasets.checking.images import (
    ImageHead,
    broken,
    head_of,
    metadata_faults,
    read_head,
    size_fault,
)
from anymask.datasets.coco.names import normal
from anymask.datasets.listing import NamedContent, read_file
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sa1b_dataset import LoneRecord, RecordPair
from anymask.datasets.sa1b_shards import Shard
from anymask.errors import Error, RecordError, clipped

IMAGE_KEYS = frozenset(ImageRecord.__annotations__)
OF_RELEASES = frozenset(("license",))  # what a release says of an image besides, as COCO does
NO_PARTNER = ("has no record beside it", "has no image beside it")


@dataclass(frozen=True)
class CheckOptions:
    """How closely a dataset is looked at.

    pixels: decode the images. stripped: whether an image may tell nothing of its making.
    allowed: keys that records may have beside SA-1B's. most_named: faults of each kind.
    """

    pixels: bool = False
    stripped: bool = False
    allowed: tuple[str, ...] = ()
    most_named: int = MOST_NAMED


class RecordChecks:
    """Checks of records, which add to the findings."""

    def __init__(self, findings: Findings, options: CheckOptions) -> None:
        self._findings, self._options = findings, options

    def pair(self, pair: RecordPair) -> None:
        """An image and its record, two files of a folder."""
        try:
            head = read_head(pair.image, self._options.pixels)
        except Error as error:
            self._findings.add([broken(pair.image.name, error)])
            head = None
        self._image(pair.image.name, head)
        try:
            records = pair.read_records()
        except Error as error:
            self._findings.add([Fault(pair.image.name, Kind.not_read, str(error))])
            return
        if len(records) > 1 or pair.others:
            self._findings.add(
                fault_of(unread)
                for unread in pair.samples(b"", records)
                if isinstance(unread, Unread)
            )
        self.record(*records[0], head, pair.image.name)

    def shard(self, shard: Shard) -> None:
        """All pairs of a shard, and its damage."""
        for pair in shard.pairs():
            if isinstance(pair, Unread):
                self._findings.add([fault_of(pair)])
            else:
                self._pair_in_shard(*pair)

    def lone(self, lone: LoneRecord) -> None:
        """A record without its image."""
        self._findings.add([Fault(lone.name, Kind.image_missing, lone.reason)])
        try:
            content = read_file(lone.url, lone.name)
        except Error as error:
            self._findings.add([Fault(lone.name, Kind.not_read, str(error))])
            return
        self.record(lone.name, content, None)

    def record(self, name: str, content: bytes, head: ImageHead | None, image: str = "") -> None:
        """A record. head: of its image, if that can be read; image: the image's name."""
        try:
            record = sa1b_record.from_bytes(content, name)
        except RecordError as error:
            kind = Kind.record if _is_json(content) else Kind.json
            self._findings.add([Fault(name, kind, str(error).removeprefix(f"{name} "))])
            return
        stated: dict[str, Any] = {**record["image"]}
        annotations: list[Any] = [*record["annotations"]]
        self._findings.masks += len(annotations)
        self._findings.without_masks += not annotations
        self._findings.add(self._image_faults(stated, name, image))
        number = stated.get("image_id")
        if type(number) is int:
            self._findings.add_image_id(number, name)
        hw = image_hw(stated) or (head and head.hw) or _most_common(annotations)
        if hw is None or hw[0] * hw[1] > MOST_PIXELS:
            if annotations:
                reason = "nothing says the size of its masks" if hw is None else "is too large"
                self._findings.add([Fault(name, Kind.mask_size, reason)])
            return
        if head and image:
            self._findings.add(size_fault(head, image, hw))
        check = AnnotationCheck(name, hw, self._options.allowed, without_ids=not stated)
        self._findings.add(check.faults(annotations))
        self._findings.without_scores += check.without_scores

    def _pair_in_shard(self, image: NamedContent, record: NamedContent) -> None:
        try:
            head = head_of(image[1], image[0], self._options.pixels)
        except Error as error:
            self._findings.add([broken(image[0], error)])
            head = None
        self._image(image[0], head)
        self.record(*record, head, image[0])

    def _image(self, name: str, head: ImageHead | None) -> None:
        """Count an image, and what it tells of its making."""
        self._findings.images += 1
        if head:
            self._findings.metadata.update(head.metadata)
            if self._options.stripped:
                self._findings.add(metadata_faults(head, name))

    def _image_faults(self, stated: dict[str, Any], name: str, image: str) -> Iterator[Fault]:
        """What is wrong with what a record says of its image."""
        if not stated:
            yield Fault(name, Kind.missing_key, "lacks 'image': it is a list of masks")
            return
        for key in sorted(IMAGE_KEYS - stated.keys()):
            yield Fault(name, Kind.missing_key, f"its image lacks {key!r}")
        for key in sorted(stated.keys() - IMAGE_KEYS - OF_RELEASES - set(self._options.allowed)):
            yield Fault(name, Kind.extra_key, f"its image has {clipped(key)}, which SA-1B has not")
        for key in ("image_id", "width", "height"):
            value = stated.get(key, 1)
            if type(value) is not int or (key != "image_id" and value < 1):
                yield Fault(name, Kind.value, f"its image's {key} is {clipped(value)}")
        file_name = stated.get("file_name", "")
        if not isinstance(file_name, str):
            yield Fault(name, Kind.value, f"its image's file_name is {clipped(file_name)}")
        elif image and file_name and not _is_same_file(file_name, image):
            reason = f"says that it is of {clipped(file_name)}, and lies with {image}"
            yield Fault(name, Kind.file_name, reason)


def fault_of(unread: Unread) -> Fault:
    """The fault of what a reader can't read, or leaves out."""
    kinds = (Kind.record_missing, Kind.image_missing)
    for reason, kind in zip(NO_PARTNER, kinds):
        if unread.reason == reason:
            return Fault(unread.name, kind, reason)
    kind = Kind.left_out if isinstance(unread, LeftOut) else Kind.not_read
    return Fault(unread.name, kind, unread.reason)


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _is_same_file(stated: str, image: str) -> bool:
    one, other = (posixpath.basename(path.replace("\\", "/")) for path in (stated, image))
    return one == other or normal(one) == normal(other)


def _most_common(annotations: list[Any]) -> tuple[int, int] | None:
    """(H, W) that most masks have."""
    sizes = Counter(segmentation_hw(annotations)).most_common(1)
    return sizes[0][0] if sizes else None
