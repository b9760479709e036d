"""Mask pictures: folders of images with a picture of their objects each, or one for each object.

Three layouts, each in the folder itself or up to two levels below it, where ``masks`` may be
called ``labels`` or ``annotations``, too:

* ``images/NAME.jpg`` and ``masks/NAME.png``: a value or a colour for each object or class,
* ``images/NAME.jpg`` and ``masks/NAME/*.png``: a picture for each object,
* ``NAME/images/*.png`` and ``NAME/masks/*.png``: the same, as in the Data Science Bowl 2018.

Shape legend: H W pixels.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.core.image import decode_image
from anymask.datasets.labels import Labels, Object, ObjectsOf, encoded, opened, part_of, values_of
from anymask.datasets.listing import Listing, is_image, stem
from anymask.datasets.sample import Dataset, Part, unreadable
from anymask.errors import ImageError

KIND = "mask pictures"
IMAGES = "images"
MASKS = ("masks", "labels", "annotations")
LEVELS_BELOW = 2

VOID = 255
OPAQUE = 255
HALF = 127
ALL_OF_ONE = (1, 255, 65535)  # a value that alone means "object" rather than a class
SOFT_LEVELS = 8
MOST_COLOURS = 4096
LOSSY = ("AVIF", "JPEG", "JPEG2000", "MPO", "WEBP")


@dataclass(frozen=True, slots=True)
class Pair:
    """The name of an image and those of its masks, none if it has no partner.

    each_is_one: whether each mask is the picture of one object.
    """

    image: str
    masks: tuple[str, ...] = ()
    each_is_one: bool = False


def read(
    files: Listing, split_regions: bool = False, void: Sequence[int] | None = None
) -> Dataset | None:
    """The images that have a picture of their masks: a part each; None where there is none.

    An image without partner, with a broken picture or with no object in it gives an ``Unread``.
    split_regions: whether every 8-connected region of a value is an object of its own.
    void: the values that are no object, if they are not 0, and 255 beside others.
    """
    pairs = pairs_among(files.paths)
    if not any(pair.masks for pair in pairs):
        return None
    several = partial(objects_of, split_regions=split_regions, void=void)
    one = partial(object_of, split_regions=split_regions)
    parts = (_part(files, pair, one if pair.each_is_one else several) for pair in pairs)
    return Dataset(files.location, KIND, tuple(parts))


def pairs_among(names: Iterable[str]) -> list[Pair]:
    """All images that lie in an ``images``, in the order of their names, with their masks."""
    places: dict[str, dict[str, dict[str, str]]] = {}
    for name in filter(is_image, names):
        for place, folder, inside in _place(name):
            places.setdefault(place, {}).setdefault(folder, {})[inside] = name
    pairs = [pair for folders in places.values() for pair in _pairs_of(folders)]
    return sorted(pairs, key=lambda pair: pair.image)


def objects_of(
    content: bytes, name: str, split_regions: bool = False, void: Sequence[int] | None = None
) -> list[Object]:
    """The objects of a picture with a value or a colour for each, and what these are.

    Values of grey pictures and palettes stand as they are: 255 is void beside others, unless these
    are the soft edges of a white object. Of colours, all but black and the transparent are objects.
    What is compressed with losses is white where it is brighter than half. Where ``void`` names
    the values that are no object (of colours 0xRRGGBB), all others are. Raises ``ImageError``.
    """
    group: str | None
    with opened(content, name) as image:
        if void is not None:
            labels, group = _as_they_are(image, name)
        elif image.format in LOSSY:
            labels, group = np.asarray(image.convert("L")) > HALF, None
        elif len(image.getbands()) >= 3:
            labels, group = _of_colours(image, name)
        else:
            labels, group = _of_values(image, name)
    return [
        (mask, group.format(value) if group else None)
        for value, mask in encoded(labels, split_regions, (0,) if void is None else void)
    ]


def instances_of(content: bytes, name: str, split_regions: bool = False) -> list[Object]:
    """The same where values only count the objects, and say nothing of what they are."""
    return [(mask, None) for mask, _ in objects_of(content, name, split_regions)]


def object_of(content: bytes, name: str, split_regions: bool = False) -> list[Object]:
    """The object of a picture that shows one: what is brighter than half of its brightest pixel.

    Or what is not transparent, as ``core.image.read_mask`` has it; but a picture that is opaque all
    over is no mask of everything. Raises ``ImageError``.
    """
    with opened(content, name) as image:
        values = _brightness(image, content, name)
    mask = values > values.max() / 2
    if not split_regions:
        return [(rle.encode(mask), None)]
    return [(region, None) for _, region in encoded(mask, split_regions)]


def _place(name: str) -> Iterator[tuple[str, str, str]]:
    """The folder of a layout that a picture lies in, what it is there, and its name in that."""
    parts = name.split("/")
    for level, part in enumerate(parts[: min(LEVELS_BELOW + 1, len(parts) - 1)]):
        if part.lower() in (IMAGES, *MASKS):
            yield "/".join(parts[:level]), part.lower(), "/".join(parts[level + 1 :])
            return


def _pairs_of(folders: dict[str, dict[str, str]]) -> Iterator[Pair]:
    images = folders.get(IMAGES, {})
    masks = next((folders[folder] for folder in MASKS if folder in folders), {})
    by_stem = {stem(inside): name for inside, name in reversed(masks.items())}
    by_folder: dict[str, list[str]] = {}
    for inside, name in masks.items():
        by_folder.setdefault(posixpath.dirname(inside), []).append(name)
    lone = by_folder.get("", []) if len(images) == 1 else []
    for inside, name in images.items():
        own = stem(inside)
        if own in by_stem:
            yield Pair(name, (by_stem[own],))
        else:
            yield Pair(name, tuple(by_folder.get(own, lone)), each_is_one=True)


def _part(files: Listing, pair: Pair, shown: ObjectsOf) -> Part:
    if not pair.masks:
        return unreadable(pair.image, "has no picture of its masks")
    return part_of(files, pair.image, pair.masks, shown)


def _brightness(image: Image.Image, content: bytes, name: str) -> npt.NDArray[np.uint8]:
    """(H, W) how much of an object each pixel shows."""
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < OPAQUE:
            return alpha
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    return np.asarray(Image.fromarray(decode_image(content, name)).convert("L"))


def _of_values(image: Image.Image, name: str) -> tuple[Labels, str | None]:
    """(H, W) labels of a grey picture or a palette, and how to write a value, or None."""
    values = values_of(image, name)
    present, areas = np.unique(values[values > 0], return_counts=True)
    if len(present) < 2 and set(present.tolist()) <= set(ALL_OF_ONE):
        return values > 0, None
    if _is_soft(present, areas):
        return values > HALF, None
    if len(present) > 1 and present[-1] == VOID:
        values[values == VOID] = 0
    return values, "{}"


def _of_colours(image: Image.Image, name: str) -> tuple[Labels, str | None]:
    """(H, W) labels 0xRRGGBB, and how to write a value, or None if there is only white."""
    labels, present, areas = _colours(image, name)
    if (present % 0x010101 == 0).all() and _is_soft(present // 0x010101, areas):
        return labels & 0xFF > HALF, None
    return labels, None if present.tolist() == [0xFFFFFF] else "#{:06x}"


def _as_they_are(image: Image.Image, name: str) -> tuple[Labels, str]:
    """(H, W) labels of whatever picture, and how to write a value."""
    if image.format in LOSSY:
        raise ImageError(f"{name} is compressed with losses, which leave no value as it was")
    if len(image.getbands()) >= 3:
        return _colours(image, name)[0], "#{:06x}"
    return values_of(image, name), "{}"


def _colours(
    image: Image.Image, name: str
) -> tuple[Labels, npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """(H, W) labels 0xRRGGBB, 0 where nothing shows; those above 0, and their areas."""
    rgba = np.asarray(image.convert("RGBA")).astype(np.int64)
    red, green, blue, alpha = np.moveaxis(rgba, 2, 0)
    labels = np.where(alpha > 0, red << 16 | green << 8 | blue, 0)
    present, areas = np.unique(labels[labels > 0], return_counts=True)
    if len(present) > MOST_COLOURS:
        raise ImageError(f"{name} has {len(present)} colours, which is not one for each object")
    return labels, present, areas


def _is_soft(present: npt.NDArray[Any], areas: npt.NDArray[np.intp]) -> bool:
    """Whether values between 0 and 255 are the edges of a white object, and not classes.

    Edges have many levels, up to bright ones, and are small beside what they surround.
    """
    if len(present) <= SOFT_LEVELS or present[-1] != VOID:
        return False
    return bool(present[-2] > HALF and areas[:-1].sum() < areas[-1])
