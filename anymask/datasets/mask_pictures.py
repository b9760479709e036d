"""Mask pictures: folders of images with a picture of their objects each, or one for each object.

Three layouts, each in the folder itself or up to two levels below it, where ``masks`` may be
called ``labels`` or ``annotations``, too:

* ``images/NAME.jpg`` and ``masks/NAME.png``: a value or a colour for each object or class,
* ``images/NAME.jpg`` and ``masks/NAME/*.png``: a picture for each object,
* ``NAME/images/*.png`` and ``NAME/masks/*.png``: the same, as in the Data Science Bowl 2018.

Shape legend: H W pixels, R runs.
"""

from __future__ import annotations

import io
import posixpath
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from anymask.core import rle
from anymask.core.image import decode_image
from anymask.core.rle import RLE
from anymask.datasets.listing import Listing, is_image, read_file, stem
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, sample_of, unread, unreadable
from anymask.errors import Error, ImageError

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

Labels = npt.NDArray[Any]  # (H, W) of an integer type; 0 is no object
Object = tuple[RLE, str | None]


@dataclass(frozen=True, slots=True)
class Pair:
    """The name of an image and those of its masks, none if it has no partner.

    each_is_one: whether each mask is the picture of one object.
    """

    image: str
    masks: tuple[str, ...] = ()
    each_is_one: bool = False


def read(files: Listing, split_regions: bool = False) -> Dataset | None:
    """The images that have a picture of their masks: a part each; None where there is none.

    An image without partner, with a broken picture or with no object in it gives an ``Unread``.
    split_regions: whether every 8-connected region of a value is an object of its own.
    """
    pairs = pairs_among(files.paths)
    if not any(pair.masks for pair in pairs):
        return None
    parts = tuple(_part(files, pair, split_regions) for pair in pairs)
    return Dataset(files.location, "mask pictures", parts)


def pairs_among(names: Iterable[str]) -> list[Pair]:
    """All images that lie in an ``images``, in the order of their names, with their masks."""
    places: dict[str, dict[str, dict[str, str]]] = {}
    for name in filter(is_image, names):
        for place, folder, inside in _place(name):
            places.setdefault(place, {}).setdefault(folder, {})[inside] = name
    pairs = [pair for folders in places.values() for pair in _pairs_of(folders)]
    return sorted(pairs, key=lambda pair: pair.image)


def objects_of(content: bytes, name: str, split_regions: bool = False) -> list[Object]:
    """The objects of a picture with a value or a colour for each, and what these are.

    Values of grey pictures and palettes stand as they are: 255 is void beside others, unless these
    are the soft edges of a white object. Of colours, all but black and the transparent are objects.
    What is compressed with losses is white where it is brighter than half. Raises ``ImageError``.
    """
    with _opened(content, name) as image:
        if image.format in LOSSY:
            labels, group = np.asarray(image.convert("L")) > HALF, None
        elif len(image.getbands()) >= 3:
            labels, group = _of_colours(image, name)
        else:
            labels, group = _of_values(image, name)
    return [
        (mask, group.format(value) if group else None)
        for value, mask in _encoded(labels, split_regions)
    ]


def object_of(content: bytes, name: str, split_regions: bool = False) -> list[Object]:
    """The object of a picture that shows one: what is brighter than half of its brightest pixel.

    Or what is not transparent, as ``core.image.read_mask`` has it; but a picture that is opaque all
    over is no mask of everything. Raises ``ImageError``.
    """
    with _opened(content, name) as image:
        values = _brightness(image, content, name)
    mask = values > values.max() / 2
    if not split_regions:
        return [(rle.encode(mask), None)]
    return [(region, None) for _, region in _encoded(mask, split_regions)]


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


def _part(files: Listing, pair: Pair, split_regions: bool) -> Part:
    if not pair.masks:
        return unreadable(pair.image, "has no picture of its masks")
    urls = tuple(files.url(name) for name in pair.masks)
    return Part(
        pair.image, partial(_read, pair, files.url(pair.image), urls, split_regions=split_regions)
    )


def _read(
    pair: Pair, url: str, mask_urls: tuple[str, ...], split_regions: bool
) -> Iterator[Sample | Unread]:
    objects: list[Object] = []
    shown = object_of if pair.each_is_one else objects_of
    try:
        content = read_file(url, pair.image)
        for name, mask_url in zip(pair.masks, mask_urls):
            objects += shown(read_file(mask_url, name), name, split_regions)
    except Error as error:
        yield unread(pair.image, error)
        return
    yield sample_of(pair.image, content, objects)


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Image.Image]:
    """The upright picture, in the mode of its file: its values are labels, not light."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                ImageOps.exif_transpose(image, in_place=True)
                yield image
    except Error:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not an image of a known format") from None
    except Exception as error:  # Pillow's readers raise many kinds for broken files
        raise ImageError(f"{name} can't be read: {error}") from None


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
    values = np.asarray(image.getchannel(0) if len(image.getbands()) == 2 else image)
    whole = values.dtype.kind != "f" or (np.isfinite(values) & (values == np.floor(values))).all()
    if not whole or values.min() < 0:
        raise ImageError(f"{name} has values that are no labels: below 0, or fractions")
    present, areas = np.unique(values[values > 0], return_counts=True)
    if len(present) < 2 and set(present.tolist()) <= set(ALL_OF_ONE):
        return values > 0, None
    if _is_soft(present, areas):
        return values > HALF, None
    labels = values.astype(np.int64)
    if len(present) > 1 and present[-1] == VOID:
        labels[labels == VOID] = 0
    return labels, "{}"


def _of_colours(image: Image.Image, name: str) -> tuple[Labels, str | None]:
    """(H, W) labels 0xRRGGBB, and how to write a value, or None if there is only white."""
    rgba = np.asarray(image.convert("RGBA")).astype(np.uint32)
    red, green, blue, alpha = np.moveaxis(rgba, 2, 0)
    labels = np.where(alpha > 0, red << 16 | green << 8 | blue, 0)
    present, areas = np.unique(labels[labels > 0], return_counts=True)
    if (present % 0x010101 == 0).all() and _is_soft(present // 0x010101, areas):
        return red * (alpha > 0) > HALF, None
    if len(present) > MOST_COLOURS:
        raise ImageError(f"{name} has {len(present)} colours, which is not one for each object")
    return labels, None if present.tolist() == [0xFFFFFF] else "#{:06x}"


def _is_soft(present: npt.NDArray[Any], areas: npt.NDArray[np.intp]) -> bool:
    """Whether values between 0 and 255 are the edges of a white object, and not classes.

    Edges have many levels, up to bright ones, and are small beside what they surround.
    """
    if len(present) <= SOFT_LEVELS or present[-1] != VOID:
        return False
    return bool(present[-2] > HALF and areas[:-1].sum() < areas[-1])


def _encoded(labels: Labels, split_regions: bool) -> Iterator[tuple[int, RLE]]:
    """Each value of (H, W) labels, or each region of each value, and its mask."""
    height, width = labels.shape
    for value, starts, stops in _runs_of_each(labels):
        if not split_regions:
            yield value, rle.encode_runs(starts, stops, (height, width))
            continue
        first, last = int(starts[0]) // height, (int(stops[-1]) - 1) // height + 1
        shown = (labels[:, first:last] == value).astype(np.uint8)
        _, regions = cv2.connectedComponents(shown, connectivity=8)
        for _, own_starts, own_stops in _runs_of_each(regions):
            before = first * height
            yield value, rle.encode_runs(own_starts + before, own_stops + before, (height, width))


def _runs_of_each(
    labels: Labels,
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Each value above 0 of (H, W) labels, rising, and its (R,) runs, column by column.

    All in one pass, however many values there are.
    """
    flat = labels.T.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, stops = np.append(0, edges), np.append(edges, flat.size)
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    for runs in np.split(order, np.flatnonzero(np.diff(values[order])) + 1):
        if values[runs[0]]:
            yield int(values[runs[0]]), starts[runs], stops[runs]
