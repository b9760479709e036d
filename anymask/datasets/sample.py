"""Sample: one image with its ground-truth masks, as every reader of a dataset yields it.

A dataset is a sequence of parts that can be read in any order: an image of a folder is a part by
itself, a tar shard is one part with many samples, which come in the order in which they lie in it.

Shape legend: H W pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import chain, repeat

from anymask.core import rle
from anymask.core.image import RGB, as_stored, decode_image
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.core.rle import RLE
from anymask.datasets.photographs import LeftOut, Missing, Unread
from anymask.errors import Error, ImageError


class Undecided(StrEnum):
    """The group of a mask that is no object: pixels that nobody decided about.

    A value of its own, which stays itself when it is pickled: a category that people call "void" is
    equal to it, but not the same.
    """

    void = "void"


VOID_GROUP = Undecided.void
NO_OBJECT = "has no object in its mask"


@dataclass(frozen=True, slots=True)
class Detail:
    """What some formats say of a mask besides.

    group: the name that it shares with other objects of its image. predicted_iou, stability_score:
    what the model that drew it says of it. order: from the back on.
    """

    group: str | None = None
    predicted_iou: float | None = None
    stability_score: float | None = None
    order: int = 0

    @property
    def scores(self) -> dict[str, float]:
        """Those of the model's scores that are known, by their names in SA-1B."""
        stated = {"predicted_iou": self.predicted_iou, "stability_score": self.stability_score}
        return {name: score for name, score in stated.items() if score is not None}


NO_DETAIL = Detail()


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """An image file's bytes and the masks of its objects, both small until pixels are asked for.

    name: the same on every machine, and of no other sample of the dataset.
    masks: run lengths, all of the size of the upright image (H, W), or all of it as it is stored
    before its EXIF orientation is followed; then ``pixels`` has it so, too.
    groups: for each mask the name that it shares with others in the dataset (of a category, a
    class, an annotator), or None; ``VOID_GROUP`` for pixels that count neither for nor against an
    answer.
    options: which page and bands of the file are the image.
    details: of each mask; () where the format has none.
    state: what its annotators say of the image, where the format does.
    kind: what its masks are (``mixing.mixture.KINDS``), where somebody said so.
    """

    name: str
    content: bytes
    masks: tuple[RLE, ...]
    groups: tuple[str | None, ...]
    options: ReadOptions = AS_STORED
    details: tuple[Detail, ...] = ()
    state: str | None = None
    kind: str = ""

    def __repr__(self) -> str:
        return f"Sample({self.name!r}, {len(self.content):,} bytes, {len(self.masks)} masks)"

    @property
    def is_object(self) -> tuple[bool, ...]:
        """Of each mask, whether it is an object: all but those of ``VOID_GROUP`` are."""
        return tuple(group is not VOID_GROUP for group in self.groups)

    @property
    def fingerprint(self) -> str:
        """A hash of all that ``pixels`` depends on."""
        chosen = self.options.to_json()
        options = json.dumps(chosen, sort_keys=True).encode() if chosen else b""
        return hashlib.sha256(self.content + options).hexdigest()

    def pixels(self) -> RGB:
        """The image, (H, W, 3). Raises ``ImageError`` if it is broken or its masks don't fit it."""
        pixels = decode_image(self.content, self.name, options=self.options)
        sizes = {tuple(mask["size"]) for mask in self.masks}
        if sizes == {pixels.shape[1::-1]}:  # annotated by a tool that does not look at EXIF
            pixels = as_stored(pixels, self.content)
        for mask in self.masks:
            if tuple(mask["size"]) != pixels.shape[:2]:
                height, width = pixels.shape[:2]
                raise ImageError(
                    f"{self.name} is {width}×{height} (width×height), but has masks of "
                    f"{mask['size'][1]}×{mask['size'][0]}"
                )
        return pixels


@dataclass(frozen=True, slots=True)
class Part:
    """A unit of a dataset that is read in one go: an image with its masks, or a shard of many.

    name: the image's or the shard's. read: gives samples, or what can't be read and why; what is
    left out of a sample (``LeftOut``) follows it. Known to pickle, so that other processes can call
    it. written: what the annotations call the image, if it was sought by that. weight: how often a
    training looks at it, relative to other parts.
    """

    name: str
    read: Callable[[], Iterator[Sample | Unread]]
    written: str = ""
    weight: float = 1.0

    def samples(self) -> Iterator[Sample | Unread]:
        """What ``read`` gives; an ``Error`` that it raises ends it as an ``Unread``."""
        try:
            yield from self.read()
        except Error as error:
            yield Unread(self.name, str(error))


@dataclass(frozen=True)
class Dataset:
    """Images with masks, somewhere.

    location: the path or URL that the user named; kind: which kind of dataset was recognised
    there, in words; annotations: the file that describes all of it, where it is COCO's or LVIS's.
    notes: what is left out of it as a whole, and what was decided about it.
    crowds_are_objects: whether annotations that such a file marks as crowds are read as objects.
    options: how all its images are read.
    """

    location: str
    kind: str
    parts: tuple[Part, ...]
    annotations: str = ""
    notes: tuple[LeftOut, ...] = ()
    crowds_are_objects: bool = False
    options: ReadOptions = AS_STORED

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell one set of parts from another, by their names and weights."""
        names = "\n".join(_weighed(part) for part in self.parts)
        return hashlib.sha256(_bytes(names)).hexdigest()[:16]

    def drawn(self, count: int, seed: int) -> Dataset:
        """A random draw of so many parts, or all; only their names and the seed decide which.

        A smaller draw is part of a larger one.
        """
        order = sorted(
            self.parts, key=lambda part: hashlib.sha256(_bytes(f"{seed} {part.name}")).digest()
        )
        return self._only({part.name for part in order[:count]})

    def without(self, other: Dataset) -> Dataset:
        """The parts whose names another dataset has not."""
        return self._only({part.name for part in self.parts} - {part.name for part in other.parts})

    def with_options(self, options: ReadOptions) -> Dataset:
        """The same, its images read with options."""
        if options == AS_STORED:
            return self
        parts = (replace(part, read=partial(_read_with, part, options)) for part in self.parts)
        return replace(self, parts=tuple(parts), options=options)

    def _only(self, names: set[str]) -> Dataset:
        return replace(self, parts=tuple(part for part in self.parts if part.name in names))


def sample_of(
    name: str,
    content: bytes,
    objects: Iterable[tuple[RLE, str | None]],
    details: Iterable[Detail] = (),
) -> Sample | Unread:
    """A sample of the objects, each an (H, W) mask and its group, that have a pixel.

    details: of each object. An ``Unread`` where none but ``VOID_GROUP`` has.
    """
    of_each = chain(details, repeat(NO_DETAIL))
    visible = [(*one, detail) for one, detail in zip(objects, of_each) if rle.area(one[0])]
    if all(group is VOID_GROUP for _, group, _ in visible):
        return Unread(name, NO_OBJECT)
    masks, groups, kept = zip(*visible)
    has_details = any(detail is not NO_DETAIL for detail in kept)
    return Sample(name, content, masks, groups, details=kept if has_details else ())


def with_options(
    samples: Iterable[Sample | Unread], options: ReadOptions
) -> Iterator[Sample | Unread]:
    """Samples whose images are read with options; one that is a page of its file stays that page.

    An ``Unread`` instead of one where the options ask for another page.
    """
    for sample in samples:
        if isinstance(sample, Unread):
            yield sample
            continue
        page = sample.options.page
        if page is not None and options.page not in (None, page):
            yield Unread(sample.name, f"is page {page}, and page {options.page} is asked for")
        else:
            yield replace(sample, options=replace(options, page=options.page or page))


def unreadable(name: str, reason: str) -> Part:
    """A part of which it is known already that it can't be read, and why."""
    return Part(name, partial(_read_nothing, Unread(name, reason)))


def missing_image(name: str, reason: str) -> Part:
    """A part of an image of which it is known already that it is not there."""
    return Part(name, partial(_read_nothing, Missing(name, reason)))


def _weighed(part: Part) -> str:
    return part.name if part.weight == 1 else f"{part.name} {part.weight:.6g}"


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def _read_with(part: Part, options: ReadOptions) -> Iterator[Sample | Unread]:
    return with_options(part.read(), options)


def _read_nothing(unread: Unread) -> Iterator[Sample | Unread]:
    yield unread
