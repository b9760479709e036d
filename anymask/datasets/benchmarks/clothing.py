"""Clothing: people and the clothes they wear, in Clothing Co-Parsing (Yang, Luo and Lin, 2014).

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
from anymask.datasets.label_maps import (
    Object,
    label_map_of_array,
    label_masks,
    matlab_reader,
    read_matlab,
)
from anymask.datasets.listing import Listing, read_file
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, unreadable
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
    names = _class_names(files)
    named_objects_of = partial(
        objects_of, names=() if isinstance(names, Unread) else names, split_regions=split_regions
    )
    dataset = pairs.read(_without_tagged(files), replace(layout, objects_of=named_objects_of))
    if dataset is None or not isinstance(names, Unread):
        return dataset
    return replace(dataset, parts=(*dataset.parts, unreadable(names.name, names.reason)))


def objects_of(
    content: bytes, name: str, names: tuple[str, ...] = (), split_regions: bool = False
) -> list[Object]:
    """The objects in a MATLAB file, a mask for each class and its name. Raises ``ImageError``.

    names: of classes 0, 1, …; a class beyond them is named by its number.
    """
    variables = read_matlab(content, name)
    if "groundtruth" not in variables:
        raise ImageError(f"{name} has no groundtruth")
    labels = label_map_of_array(variables["groundtruth"], name)
    return [
        (mask, names[value] if value < len(names) else str(value))
        for value, mask in label_masks(labels, split_regions)
    ]


def _class_names(files: Listing) -> tuple[str, ...] | Unread:
    """The names of classes 0, 1, …; none if there is no list of them."""
    name = next((path for path in files.paths if path.split("/")[-1] == NAMES_FILE), None)
    if name is None:
        return ()
    try:
        variables = read_matlab(read_file(files.url(name), name), name)
        return tuple(str(np.ravel(cell)[0]) for cell in np.ravel(variables["label_list"]))
    except Error as error:
        return Unread.from_error(name, error)
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
