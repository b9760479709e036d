"""Pairs: layouts in which the paths of an image and of its picture of labels tell of each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from anymask.datasets.labels import ObjectsOf, part_of
from anymask.datasets.listing import Listing
from anymask.datasets.sample import Dataset, Part, unreadable


@dataclass(frozen=True)
class Layout:
    """How a public dataset is laid out, wherever below the folder it begins.

    kind: in words. image, truth: patterns of whole names; those whose groups are alike belong
    together. objects_of: what a truth shows.
    """

    kind: str
    image: re.Pattern[str]
    truth: re.Pattern[str]
    objects_of: ObjectsOf


def read(files: Listing, layout: Layout, named: Callable[[str], str] = str) -> Dataset | None:
    """A part for each image of a layout; None where no image has its truth.

    An image without truth, and a truth without image, give an ``Unread``. named: makes the name of
    a part of an image's.
    """
    images, truths = _by_key(files.paths, layout.image), _by_key(files.paths, layout.truth)
    if images.keys().isdisjoint(truths):
        return None
    parts = [
        _part(files, image, truths.get(key), layout.objects_of, named(image))
        for key, image in images.items()
    ]
    lone = [unreadable(truths[key], "has no image") for key in truths.keys() - images.keys()]
    in_order = sorted([*parts, *lone], key=lambda part: part.name)
    return Dataset(files.location, layout.kind, tuple(in_order))


def _by_key(names: Iterable[str], pattern: re.Pattern[str]) -> dict[tuple[str, ...], str]:
    matches = ((pattern.fullmatch(name), name) for name in names)
    return {match.groups(): name for match, name in matches if match}


def _part(files: Listing, image: str, truth: str | None, objects_of: ObjectsOf, name: str) -> Part:
    if truth is None:
        return unreadable(name, "has no picture of its masks")
    return part_of(files, image, (truth,), objects_of, name=name)
