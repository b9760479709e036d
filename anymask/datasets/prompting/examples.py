"""Examples: images with their masks, as a person names them, ``IMAGE:MASK``."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anymask.core import rle
from anymask.core.in_context.example import MASK, Example
from anymask.core.mask_files.coco import CATEGORIES
from anymask.core.mask_files.sa1b import Label
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets import mask_pictures, sa1b_record
from anymask.datasets.coco import file as coco_file
from anymask.datasets.coco.segmentation import rle_of
from anymask.datasets.label_maps import Object
from anymask.datasets.listing import read_file
from anymask.datasets.photographs import Photograph, find_photographs
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.errors import PromptError

JSON_STARTS = (b"{", b"[")
REMOTE = "://"
PROMPT_FILE = "model.safetensors"  # of a tuned prompt's folder


@dataclass(frozen=True)
class ExampleFiles:
    """An image and its masks, by paths or URLs."""

    image: str
    mask: str

    def __str__(self) -> str:
        return f"{self.image}:{self.mask}"


@dataclass(frozen=True, eq=False)
class Examples:
    """shown: what to look for. rejected: what looks alike and is not meant.

    names: what labels are called in the masks; {} where masks show one thing without a name. A
    label has one number and name in all of them. digests: of all that was read. tuned: folders of
    prompts that were tuned for a SegGPT, which stand for examples.
    """

    shown: tuple[Example, ...]
    rejected: tuple[Example, ...] = ()
    names: Mapping[int, Label] = field(default_factory=dict)
    digests: tuple[str, ...] = ()
    tuned: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What answers depend on, as plain JSON values."""
        tuned = {"tuned": [_digest_of_file(folder) for folder in self.tuned]}
        asked = {"like": list(self.digests), "unlike": len(self.rejected)}
        return {**asked, **tuned} if self.tuned else asked


def example_files(text: str, is_there: Callable[[str], bool] = os.path.exists) -> ExampleFiles:
    """``IMAGE:MASK`` taken apart at the colon that leaves two files, which may have colons, too.

    Raises ``PromptError``, which says what is not there.
    """
    halves = [(text[:at], text[at + 1 :]) for at, sign in enumerate(text) if sign == ":"]
    # A colon behind a lone letter is a drive's, one before two slashes a URL's.
    halves = [
        (image, mask)
        for image, mask in halves
        if image and mask and not mask.startswith("//") and not _is_drive(image, mask)
    ]
    if not halves:
        raise PromptError(f"{text} is no example: give an image and its mask, IMAGE:MASK")
    for image, mask in halves:
        if all(REMOTE in place or is_there(place) for place in (image, mask)):
            return ExampleFiles(image, mask)
    image, mask = next((pair for pair in halves if is_there(pair[0])), halves[-1])
    missing = mask if is_there(image) else image
    raise PromptError(
        f"there is no file {missing}; an example is an image and its mask, IMAGE:MASK"
    )


def read_examples(
    shown: Sequence[ExampleFiles],
    rejected: Sequence[ExampleFiles] = (),
    reading: ReadOptions = AS_STORED,
    open_image: Callable[[str], Photograph] | None = None,
) -> Examples:
    """Read images and masks. Raises ``Error``, which names the file.

    open_image: finds the image of an example; None: ``photograph_of``.

    A mask is a picture, of one thing in one value or of classes in several (255 beside others is
    void), or JSON: run lengths, an annotation, an SA-1B record, COCO's file. Masks without a name
    are one thing, whatever file they are in.
    """
    find = open_image or photograph_of
    samples = [_sample(files, find(files.image), reading) for files in shown]
    negatives = [_sample(files, find(files.image), reading) for files in rejected]
    groups = {group for sample in samples for group in sample.groups if group is not VOID_GROUP}
    named = sorted(filter(None, groups), key=_in_order)
    if named and None in groups:
        raise PromptError(
            "some masks of the examples have names or classes, and some have none: which are "
            "alike can't be told"
        )
    numbers: dict[str | None, int] = {name: n for n, name in enumerate(named, MASK)}
    names = {number: _label(name) for name, number in numbers.items() if name is not None}
    numbers = numbers or {None: MASK}
    anything = {group: MASK for sample in negatives for group in sample.groups}
    return Examples(
        tuple(_example(files, sample, numbers) for files, sample in zip(shown, samples)),
        tuple(_example(files, sample, anything) for files, sample in zip(rejected, negatives)),
        names,
        tuple(map(_digest, [*samples, *negatives])),
    )


def _is_drive(image: str, mask: str) -> bool:
    """Whether the colon between them is a drive's, of the image or of the mask."""
    alone = image[-1:].isalpha() and (len(image) == 1 or image[-2] == ":")
    return alone and mask[:1] in ("/", "\\")


def photograph_of(place: str) -> Photograph:
    """The image of a path or URL. Raises ``Error`` where there are several, or none."""
    photographs = find_photographs([place]).photographs
    if len(photographs) != 1:
        raise PromptError(f"{place} is {len(photographs)} images; an example is one")
    return photographs[0]


def _sample(files: ExampleFiles, photograph: Photograph, reading: ReadOptions) -> Sample:
    """The image and its masks, all of the image's size. Raises ``Error``."""
    content = photograph.read()
    objects = _objects(read_file(files.mask, files.mask), files, photograph, reading)
    if not objects:
        raise PromptError(f"{files.mask} is empty: it shows nothing to segment")
    masks, groups = zip(*objects)
    sample = Sample(photograph.name, content, masks, groups, reading)
    sample.pixels()  # so that masks of another size are found here
    return sample


def _objects(
    content: bytes, files: ExampleFiles, photograph: Photograph, reading: ReadOptions
) -> list[Object]:
    if not content.lstrip().startswith(JSON_STARTS):
        objects = mask_pictures.objects_of(content, files.mask)
        return [one for one in objects if rle.area(one[0])]
    document = json.loads(content) if _is_json(content) else None
    if isinstance(document, dict) and "counts" in document:
        document = {"segmentation": document}
    if isinstance(document, dict) and "segmentation" in document:
        height, width = photograph.pixels(reading).shape[:2]
        mask = rle_of(document["segmentation"], (height, width))
        label = document.get("label")
        return [(mask, None if label is None else str(label))] if rle.area(mask) else []
    if isinstance(document, dict) and "images" in document:
        return _objects_of_coco(document, files, photograph, reading)
    found = sa1b_record.objects_of(sa1b_record.from_bytes(content, files.mask))
    if lost := [line for line, _ in found.lost.lines()]:
        raise PromptError(f"{files.mask}: {'; '.join(lost)}")
    return found.objects


def _objects_of_coco(
    document: dict[str, Any], files: ExampleFiles, photograph: Photograph, reading: ReadOptions
) -> list[Object]:
    """The annotations of the image that has the example's name, or of the only one."""
    file = coco_file.of_document(document, files.mask)
    of_name = [
        one
        for one in file.images
        if photograph.file_name in (posixpath.basename(path) for path in one.paths)
    ]
    images = of_name or list(file.images)
    if len(images) != 1:
        raise PromptError(
            f"{files.mask} has {len(images)} images that may be {photograph.file_name}"
        )
    height, width = photograph.pixels(reading).shape[:2]
    has_names = {*file.categories.values()} != {CATEGORIES[0]["name"]}
    return [
        (
            rle_of(one.segmentation, images[0].hw or (height, width)),
            one.group if has_names else None,
        )
        for one in file.objects_of(images[0])
    ]


def _example(files: ExampleFiles, sample: Sample, numbers: Mapping[str | None, int]) -> Example:
    """Labels of a sample; where masks overlap, the later one's. Raises ``PromptError``."""
    pixels = sample.pixels()
    labels = np.zeros(pixels.shape[:2], np.int32)
    for mask, group in zip(sample.masks, sample.groups):
        if group is not VOID_GROUP:
            labels[rle.decode(mask).astype(bool)] = numbers[group]
    try:
        return Example(pixels, labels)
    except PromptError as error:
        raise PromptError(f"{files}: {error}") from None


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _label(name: str) -> Label:
    return int(name) if name.isdecimal() else name


def _in_order(name: str) -> tuple[bool, int, str]:
    """Numbers before words, and in their own order."""
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


def _digest_of_file(folder: str) -> str:
    """Of a tuned prompt's weights; its folder's name where they can't be read."""
    try:
        content = (Path(folder) / PROMPT_FILE).read_bytes()
    except OSError:
        return folder
    return hashlib.sha256(content).hexdigest()[:16]


def _digest(sample: Sample) -> str:
    """Of an image and its masks."""
    masks = json.dumps([sample.masks, [str(group) for group in sample.groups]], sort_keys=True)
    return hashlib.sha256(f"{sample.fingerprint}{masks}".encode()).hexdigest()[:16]
