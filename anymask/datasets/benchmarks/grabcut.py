"""GrabCut: one object an image, with a band around it that is undecided (Rother et al., 2004).

Trimaps lie in ``ground-truth`` or ``boundary_GT``: 0 is background, 255 the object, 128 unknown.
Their images have the same names, in ``data_GT`` or ``images`` beside them, or anywhere else: many
are BSDS images, and copies of the trimaps come without them.

Shape legend: H W pixels.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

import numpy as np

from anymask.core import rle
from anymask.datasets.labels import Object, opened, part_of
from anymask.datasets.listing import Listing, is_image, stem
from anymask.datasets.sample import VOID_GROUP, Dataset, Part, unreadable
from anymask.errors import DatasetError

KIND = "GrabCut trimaps"
TRUTHS = ("ground-truth", "boundary_GT")
IMAGES = ("data_GT", "images")
UNKNOWN = 128


def read(files: Listing, images: Listing | None = None) -> Dataset | None:
    """The images that have a trimap: a part each, of an object and the unknown band.

    images: where else the images lie, at whatever depth. A trimap without image, or with several,
    gives an ``Unread``. None where there is no trimap. Raises ``DatasetError`` where all are
    without image.
    """
    truths = _in_folders(files.paths, TRUTHS)
    if not truths:
        return None
    if images is None:
        places = _by_stem(_in_folders(files.paths, IMAGES))
    else:
        trimaps = {files.paths[name] for name in truths}
        pictures = filter(is_image, images.paths)
        places = _by_stem(name for name in pictures if images.paths[name] not in trimaps)
    if not any(_stem(name) in places for name in truths):
        raise DatasetError(
            f"{files.location} has {len(truths)} trimaps, but no images of their names "
            f"{'beside them' if images is None else f'in {images.location}'}; give the folder of "
            f"their images as images (--images)"
        )
    parts = sorted(_parts(files, images or files, truths, places), key=lambda part: part.name)
    return Dataset(files.location, KIND, tuple(parts))


def objects_of(content: bytes, name: str) -> list[Object]:
    """The object of a trimap and its unknown band, if it has one. Raises ``ImageError``."""
    with opened(content, name) as image:
        values = np.asarray(image.convert("L"))
    inside, unknown = values > UNKNOWN, values == UNKNOWN
    if not inside.any():
        return []
    band: list[Object] = [(rle.encode(unknown), VOID_GROUP)] if unknown.any() else []
    return [(rle.encode(inside), None), *band]


def _parts(
    files: Listing, images: Listing, truths: list[str], places: dict[str, list[str]]
) -> Iterable[Part]:
    taken: set[str] = set()
    for truth in truths:
        found = places.get(_stem(truth), [])
        if _stem(truth) in taken:
            yield unreadable(truth, "has the name of another trimap")
        elif len(found) == 1:
            taken.add(_stem(truth))
            yield part_of(files, found[0], (truth,), objects_of, images=images)
        elif found:
            yield unreadable(truth, f"has several images of its name: {', '.join(found)}")
        else:
            yield unreadable(truth, "has no image of its name")


def _in_folders(names: Iterable[str], folders: tuple[str, ...]) -> list[str]:
    """The pictures in the first of some folders that is there, at whatever depth."""
    pictures = list(filter(is_image, names))
    for folder in folders:
        inside = [
            name for name in pictures if posixpath.basename(posixpath.dirname(name)) == folder
        ]
        if inside:
            return inside
    return []


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_stem(name), []).append(name)
    return found


def _stem(name: str) -> str:
    return posixpath.basename(stem(name))
