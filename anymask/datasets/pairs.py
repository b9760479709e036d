"""Pairs of an image and its ground truth, found by their paths and read as parts of a dataset."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from anymask.datasets.label_maps import Object, ObjectReader
from anymask.datasets.listing import Listing, read_file
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, sample_of, unreadable
from anymask.errors import Error


@dataclass(frozen=True)
class Layout:
    """How a public dataset is laid out, wherever below the folder it begins.

    kind: the dataset's, in words (``Dataset.kind``). image, truth: patterns of whole names; an
    image and a truth whose groups are alike are a pair. objects_of: the objects in a truth's file.
    """

    kind: str
    image: re.Pattern[str]
    truth: re.Pattern[str]
    objects_of: ObjectReader


def read(files: Listing, layout: Layout, part_name: Callable[[str], str] = str) -> Dataset | None:
    """A part for each image of a layout; None where no image has its truth.

    An image without truth, and a truth without image, give an ``Unread``. part_name: makes the name
    of a part of its image's.
    """
    images, truths = _by_key(files.paths, layout.image), _by_key(files.paths, layout.truth)
    if images.keys().isdisjoint(truths):
        return None
    parts = [
        _part(files, image, truths.get(key), layout.objects_of, part_name(image))
        for key, image in images.items()
    ]
    lone = [unreadable(truths[key], "has no image") for key in truths.keys() - images.keys()]
    in_order = sorted([*parts, *lone], key=lambda part: part.name)
    return Dataset(files.location, layout.kind, tuple(in_order))


def part_of(
    files: Listing,
    image: str,
    truths: Sequence[str],
    objects_of: ObjectReader,
    *,
    name: str | None = None,
    images: Listing | None = None,
) -> Part:
    """A part of one image and the files of its ground truth.

    objects_of: must be known to pickle. It raises ``Error`` for what is broken, which gives an
    ``Unread``. name: of the part, if it is not the image's. images: where the image lies, if it is
    not among ``files``.
    """
    name = image if name is None else name
    truth_urls = {truth: files.url(truth) for truth in truths}
    return Part(name, partial(_read, name, (images or files).url(image), truth_urls, objects_of))


def _read(
    name: str, image_url: str, truth_urls: dict[str, str], objects_of: ObjectReader
) -> Iterator[Sample | Unread]:
    objects: list[Object] = []
    try:
        content = read_file(image_url, name)
        for truth, url in truth_urls.items():
            objects += objects_of(read_file(url, truth), truth)
    except Error as error:
        yield Unread.from_error(name, error)
        return
    yield sample_of(name, content, objects)


def _by_key(names: Iterable[str], pattern: re.Pattern[str]) -> dict[tuple[str, ...], str]:
    matches = ((pattern.fullmatch(name), name) for name in names)
    return {match.groups(): name for match, name in matches if match}


def _part(
    files: Listing, image: str, truth: str | None, objects_of: ObjectReader, name: str
) -> Part:
    if truth is None:
        return unreadable(name, "has no picture of its masks")
    return part_of(files, image, (truth,), objects_of, name=name)
