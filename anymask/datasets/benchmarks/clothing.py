"""Clothing: people and what they wear, as in Clothing Co-Parsing (Yang, Luo and Lin, 2014).

``photos/0010.jpg`` and ``annotations/pixel-level/0010.mat``, whose ``groundtruth`` has a value for
each class, 0 for the background; ``label_list.mat`` has their names.

Shape legend: H W pixels.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np

from anymask.datasets import pairs
from anymask.datasets.labels import Object, as_labels, encoded, matlab_of, matlab_reader
from anymask.datasets.listing import Listing, read_file
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, unread, unreadable
from anymask.errors import Error, ImageError

PHOTO = re.compile(r"(.*/)?photos/([^/]+)\.jpg")
PIXELS = re.compile(r"(.*/)?annotations/pixel-level/([^/]+)\.mat")
TAGS = re.compile(r"(.*/)?annotations/image-level/([^/]+)\.mat")
NAMES_FILE = "label_list.mat"


def read(files: Listing, split_regions: bool = False) -> Dataset | None:
    """The photographs that have masks, grouped by the name of the class; None if it is not this.

    Photographs of which only tags are known (``annotations/image-level``) are passed over. Without
    ``label_list.mat`` classes have numbers. split_regions: whether each region of a class is an
    object. Raises ``MissingExtraError`` without scipy.
    """
    layout = pairs.Layout("clothing classes", PHOTO, PIXELS, objects_of)
    if not pairs.read(files, layout):
        return None
    matlab_reader()  # or each image would say that it is missing
    names = _names(files)
    known = names if isinstance(names, tuple) else ()
    shown = partial(objects_of, names=known, split_regions=split_regions)
    found = pairs.read(_without_tagged(files), replace(layout, objects_of=shown))
    if found is None or not isinstance(names, Unread):
        return found
    return replace(found, parts=(*found.parts, unreadable(names.name, names.reason)))


def objects_of(
    content: bytes, name: str, names: tuple[str, ...] = (), split_regions: bool = False
) -> list[Object]:
    """The classes of a MATLAB file, by their names. Raises ``ImageError``."""
    variables = matlab_of(content, name)
    if "groundtruth" not in variables:
        raise ImageError(f"{name} has no groundtruth")
    return [
        (mask, names[value] if value < len(names) else str(value))
        for value, mask in encoded(as_labels(variables["groundtruth"], name), split_regions)
    ]


def _names(files: Listing) -> tuple[str, ...] | Unread:
    """The names of classes 0, 1, …; none if there is no list of them."""
    name = next((one for one in files.paths if one.split("/")[-1] == NAMES_FILE), None)
    if name is None:
        return ()
    try:
        variables = matlab_of(read_file(files.url(name), name), name)
        return tuple(str(np.ravel(one)[0]) for one in np.ravel(variables["label_list"]))
    except Error as error:
        return unread(name, error)
    except (KeyError, IndexError):
        return Unread(name, "has no label_list")


def _without_tagged(files: Listing) -> Listing:
    """All files but the photographs that have tags and no masks."""

    def keys(pattern: re.Pattern[str]) -> set[tuple[str, ...]]:
        return {match.groups() for name in files.paths if (match := pattern.fullmatch(name))}

    tagged = keys(TAGS) - keys(PIXELS)
    kept = {
        name: path
        for name, path in files.paths.items()
        if not ((match := PHOTO.fullmatch(name)) and match.groups() in tagged)
    }
    return replace(files, paths=kept)
