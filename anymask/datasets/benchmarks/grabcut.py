"""GrabCut: one object an image, with a band around it that is undecided (Rother et al., 2004).

Trimaps lie in ``ground-truth`` or ``boundary_GT``: 0 is background, 255 the object, 128 unknown.
Their images have the same names, in ``data_GT`` or ``images`` beside them, or anywhere else: many
are BSDS images, and copies of the trimaps come without them.

Shape legend: H W pixels.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from anymask.core import rle
from anymask.datasets.label_maps import Object, read_mask_picture
from anymask.datasets.listing import Listing, is_image, stem
from anymask.datasets.pairs import part_of
from anymask.datasets.sample import VOID_GROUP, Dataset, Part, unreadable
from anymask.errors import DatasetError

KIND = "GrabCut trimaps"
TRIMAPS = ("ground-truth", "boundary_GT")
IMAGES = ("data_GT", "images")
UNKNOWN = 128


def read(files: Listing, images: Listing | None = None) -> Dataset | None:
    """The images that have a trimap: a part each, of an object and the unknown band.

    images: where else the images lie, at whatever depth. A trimap without image, or with several,
    gives an ``Unread``. None where there is no trimap. Raises ``DatasetError`` where all are
    without image.
    """
    trimaps = _in_folders(files.paths, TRIMAPS)
    if not trimaps:
        return None
    if images is None:
        images_by_stem = _by_stem(_in_folders(files.paths, IMAGES))
    else:
        paths = {files.paths[name] for name in trimaps}
        names = filter(is_image, images.paths)
        images_by_stem = _by_stem(name for name in names if images.paths[name] not in paths)
    if not any(_stem(name) in images_by_stem for name in trimaps):
        raise DatasetError(
            f"{files.location} has {len(trimaps)} trimaps, but no images of their names "
            f"{'beside them' if images is None else f'in {images.location}'}; give the folder of "
            f"their images as images (--images)"
        )
    parts = _parts(files, images or files, trimaps, images_by_stem)
    return Dataset(files.location, KIND, tuple(sorted(parts, key=lambda part: part.name)))


def objects_of(content: bytes, name: str) -> list[Object]:
    """The object of a trimap and its unknown band, if it has one. Raises ``ImageError``."""
    values = read_mask_picture(content, name).brightness(name)
    inside, unknown = values > UNKNOWN, values == UNKNOWN
    if not inside.any():
        return []
    band: list[Object] = [(rle.encode(unknown), VOID_GROUP)] if unknown.any() else []
    return [(rle.encode(inside), None), *band]


def _parts(
    files: Listing, images: Listing, trimaps: list[str], images_by_stem: dict[str, list[str]]
) -> Iterator[Part]:
    taken: set[str] = set()
    for trimap in trimaps:
        image_names = images_by_stem.get(_stem(trimap), [])
        if _stem(trimap) in taken:
            yield unreadable(trimap, "has the name of another trimap")
        elif len(image_names) == 1:
            taken.add(_stem(trimap))
            yield part_of(files, image_names[0], (trimap,), objects_of, images=images)
        elif image_names:
            yield unreadable(trimap, f"has several images of its name: {', '.join(image_names)}")
        else:
            yield unreadable(trimap, "has no image of its name")


def _in_folders(names: Iterable[str], folders: tuple[str, ...]) -> list[str]:
    """The image files in the first of the folders that has any, at whatever depth it lies."""
    images = list(filter(is_image, names))
    for folder in folders:
        inside = [name for name in images if posixpath.basename(posixpath.dirname(name)) == folder]
        if inside:
            return inside
    return []


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    by_stem: dict[str, list[str]] = {}
    for name in names:
        by_stem.setdefault(_stem(name), []).append(name)
    return by_stem


def _stem(name: str) -> str:
    return posixpath.basename(stem(name))
