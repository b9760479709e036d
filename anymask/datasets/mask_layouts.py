"""Mask layouts: which pictures of masks belong to which image, by folders and names.

Names say it, but in ``NAME/images`` and ``NAME/masks``, a folder for each image, where all pictures
are of the only image.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from anymask.datasets.coco.names import normal
from anymask.datasets.left_out import first_of
from anymask.datasets.listing import is_image, stem
from anymask.datasets.photographs import LeftOut

IMAGES = "images"
MASKS = ("masks", "labels", "annotations")
LEVELS_BELOW = 2
# Folders called so hold images that have nothing in common but their use.
SPLITS = re.compile(
    r"(.*[-_])?(train|training|val|valid|validation|test|testing|dev|data|dataset|all)[-_\d]*",
    re.IGNORECASE,
)
# How a picture of masks may be called that has the name of its image and more.
SUFFIX = re.compile(
    r"[-_. ](masks?|labels?|seg|segm|segmentation|gt|ground_?truth|annotations?)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class MaskedImage:
    """An image's file name and those of its mask pictures, () where it has none.

    one_object_each: whether a picture shows one object, and not all of them.
    """

    name: str
    pictures: tuple[str, ...] = ()
    one_object_each: bool = False


NUMBERS = re.compile(r"([0-9]+)")

Files = Mapping[str, str]  # from the name in a folder to the whole name


def masked_images(
    names: Iterable[str], called: str = ""
) -> tuple[list[MaskedImage], list[LeftOut]]:
    """All images in folders called ``images``, by name, and the mask pictures that are of none.

    called: the name of the folder that names are relative to.
    """
    layouts: dict[str, dict[str, dict[str, str]]] = {}  # of a root, by folder, by name in that
    for name in filter(is_image, names):
        for root, folder, inside in _place(name):
            layouts.setdefault(root, {}).setdefault(folder, {})[inside] = name
    most: Counter[str] = Counter()  # images in one of the folders beside each other
    for root, folders in layouts.items():
        above = posixpath.dirname(root)
        most[above] = max(most[above], len(folders.get(IMAGES, {})))
    images: list[MaskedImage] = []
    left_out: list[LeftOut] = []
    for root, folders in layouts.items():
        is_alone = most[posixpath.dirname(root)] == 1
        of_one = is_alone and _is_of_one(folders.get(IMAGES, {}), root, called)
        of_root, read = _masked_images_in(folders, of_one)
        images += of_root
        if any(image.pictures for image in of_root):
            left_out += _left_out(folders, read, of_root)
    return sorted(images, key=lambda image: image.name), left_out


def _place(name: str) -> Iterator[tuple[str, str, str]]:
    """The root of a layout, the folder in it that a file lies in, and the file's name in that."""
    parts = name.split("/")
    for level, part in enumerate(parts[: min(LEVELS_BELOW + 1, len(parts) - 1)]):
        if part.lower() in (IMAGES, *MASKS):
            yield "/".join(parts[:level]), part.lower(), "/".join(parts[level + 1 :])
            return


def _is_of_one(images: Files, root: str, called: str) -> bool:
    """Whether a root is the folder of one image, its own and no other's.

    It is where it has the image's name, or lies among folders of one image each.
    """
    folder = posixpath.basename(root) or called
    if any(normal(stem(inside)) == normal(folder) for inside in images):
        return True
    return bool(root) and not SPLITS.fullmatch(folder)


def _masked_images_in(
    folders: Mapping[str, Files], of_one: bool
) -> tuple[list[MaskedImage], str | None]:
    """The images of one layout, and which folder their pictures lie in: the first that has any.

    of_one: whether all pictures are of the only image.
    """
    images = folders.get(IMAGES, {})
    for folder in MASKS:
        masks = folders.get(folder, {})
        lone = tuple(name for inside, name in masks.items() if "/" not in inside) if of_one else ()
        if lone:
            return [MaskedImage(name, lone, len(lone) > 1) for name in images.values()], folder
        masked = _by_name(images, masks)
        if any(image.pictures for image in masked):
            return masked, folder
    return [MaskedImage(name) for name in images.values()], None


def _by_name(images: Files, masks: Files) -> list[MaskedImage]:
    """Images with the picture, or else the folder of pictures, of their names."""
    pictures: dict[str, str] = {}
    by_folder: dict[str, list[str]] = {}
    for inside, name in masks.items():
        pictures.setdefault(normal(stem(inside)), name)
        by_folder.setdefault(normal(posixpath.dirname(inside)), []).append(name)
    for inside, name in masks.items():
        pictures.setdefault(normal(SUFFIX.sub("", stem(inside))), name)
    masked = []
    for inside, name in images.items():
        names = normal(stem(inside)), normal(inside)
        own = next((pictures[key] for key in names if key in pictures), None)
        if own is not None:
            masked.append(MaskedImage(name, (own,)))
        else:
            several = next((by_folder[key] for key in names if key in by_folder), [])
            several.sort(key=_by_number)  # 10.png is drawn after 9.png
            masked.append(MaskedImage(name, tuple(several), one_object_each=True))
    return masked


def _by_number(name: str) -> list[tuple[int, str]]:
    """What names are sorted by as people count."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in NUMBERS.split(name)]


def masked_images_elsewhere(
    names: Iterable[str], images: Iterable[str]
) -> tuple[list[MaskedImage], list[LeftOut]]:
    """``masked_images`` where the images lie in another folder: those that have pictures of masks.

    images: their names in that folder.
    """
    placed = [(name, *place) for name in filter(is_image, names) for place in _place(name)]
    masks = [(name, root) for name, root, folder, _ in placed if folder in MASKS]
    roots = {root for _, root in masks}
    if len(roots) != 1:
        return [], []
    start = posixpath.join(*roots, IMAGES) + "/"
    around = (start + image for image in filter(is_image, images))
    found, left_out = masked_images([*(name for name, _ in masks), *around])
    of_images = [
        replace(image, name=image.name.removeprefix(start)) for image in found if image.pictures
    ]
    return of_images, left_out


def _left_out(
    folders: Mapping[str, Files], folder: str | None, images: list[MaskedImage]
) -> Iterator[LeftOut]:
    """The mask pictures of a layout that are read for no image. folder: which one is read."""
    read = {picture for image in images for picture in image.pictures}
    for masks in MASKS:
        lone = {inside: name for inside, name in folders.get(masks, {}).items() if name not in read}
        if not lone:
            continue
        inside, name = next(iter(lone.items()))
        place = name.removesuffix(f"/{inside}")
        noun = "1 picture of masks" if len(lone) == 1 else f"{len(lone)} pictures of masks"
        why = (
            "that are read for no image"
            if masks == folder
            else f"beside {folder}, which is read instead"
        )
        yield LeftOut(place, f"has {noun} {why}: {first_of(list(lone))}")
