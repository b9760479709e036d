"""Mask pictures: folders of images with one picture of all an image's masks, or one for each mask.

Three layouts, each in the folder itself or up to two levels below it, where ``masks`` may be
called ``labels`` or ``annotations``, too:

* ``images/NAME.jpg`` and ``masks/NAME.png``: a value or a colour for each object or class,
* ``images/NAME.jpg`` and ``masks/NAME/*.png``: a picture for each object,
* ``NAME/images/*.png`` and ``NAME/masks/*.png``: the same, as in the Data Science Bowl 2018.

Shape legend: H W pixels.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.rasters.raster import Colour, Raster
from anymask.datasets.label_maps import (
    LabelMap,
    Object,
    ObjectReader,
    label_map_of_picture,
    label_masks,
    read_mask_pictures,
)
from anymask.datasets.listing import Listing
from anymask.datasets.mask_layouts import MaskedImage, masked_images
from anymask.datasets.pairs import part_of
from anymask.datasets.sample import Dataset, Part, unreadable
from anymask.errors import ImageError

KIND = "mask pictures"
VOID = 255
HALF = 127
ALL_OF_ONE = (1, 255, 65535)  # a value that alone means "object" rather than a class
SOFT_LEVELS = 8
MOST_COLOURS = 4096


def read(
    files: Listing,
    split_regions: bool = False,
    void: Sequence[int] | None = None,
    page: int | None = None,
) -> Dataset | None:
    """The images that have mask pictures: a part each; None where there is none.

    An image without mask picture, with a broken one or with no object in it gives an ``Unread``;
    the dataset's notes name the mask pictures that are of no image.
    split_regions: whether every 8-connected region of a value is an object of its own.
    void: the values that are no object, if they are not 0, and 255 beside others. page: of pictures
    with several, the only one to read, counted from 1; it is the page of the image, too.
    """
    images, left_out = masked_images(files.paths, posixpath.basename(files.root.rstrip("/")))
    if not any(image.pictures for image in images):
        return None
    all_objects = partial(objects_of, split_regions=split_regions, void=void, page=page)
    one_object = partial(object_of, split_regions=split_regions, page=page)
    parts = (
        _part(files, image, one_object if image.one_object_each else all_objects)
        for image in images
    )
    return Dataset(files.location, KIND, tuple(parts), notes=tuple(left_out))


def objects_of(
    content: bytes,
    name: str,
    split_regions: bool = False,
    void: Sequence[int] | None = None,
    page: int | None = None,
) -> list[Object]:
    """The objects of a picture that has a value or a colour for each, which is their group.

    Of a file with several pages or frames, those of each, one after the other, or of ``page``.
    Values of grey pictures and palettes stand as they are: 255 is void beside others, unless these
    are the soft edges of a white object. Of colours, all but black and the transparent are objects.
    What is compressed with losses is white where it is brighter than half. Where ``void`` names
    the values that are no object (of colours 0xRRGGBB), all others are. Raises ``ImageError``.
    """
    return [
        one
        for picture in read_mask_pictures(content, name, page)
        for one in _objects_of(picture, name, split_regions, void)
    ]


def instances_of(content: bytes, name: str, split_regions: bool = False) -> list[Object]:
    """As ``objects_of``, where values only count the objects: all groups are None."""
    return [(mask, None) for mask, _ in objects_of(content, name, split_regions)]


def object_of(
    content: bytes, name: str, split_regions: bool = False, page: int | None = None
) -> list[Object]:
    """The object of a picture that shows one: what is brighter than half of its brightest pixel.

    Of a file with several pages or frames, that of each, or of ``page``.
    Or what is not transparent, as ``core.image.read_mask`` has it; but a picture that is opaque all
    over is no mask of everything. Raises ``ImageError``.
    """
    masks = [
        values > values.max() / 2
        for values in (
            _brightness(picture, name) for picture in read_mask_pictures(content, name, page)
        )
    ]
    if not split_regions:
        return [(rle.encode(mask), None) for mask in masks]
    return [(region, None) for mask in masks for _, region in label_masks(mask, split_regions)]


def _part(files: Listing, image: MaskedImage, objects_of: ObjectReader) -> Part:
    if not image.pictures:
        return unreadable(image.name, "has no picture of its masks")
    return part_of(files, image.name, image.pictures, objects_of)


def _objects_of(
    picture: Raster, name: str, split_regions: bool, void: Sequence[int] | None
) -> list[Object]:
    """``objects_of`` a page."""
    labels: LabelMap
    group: str | None
    if void is not None:
        labels, group = _stated_labels(picture, name)
    elif picture.is_lossy:
        labels, group = picture.brightness(name) > HALF, None
    elif picture.colour == Colour.rgb:
        labels, group = _colour_labels(picture, name)
    else:
        labels, group = _value_labels(picture, name)
    return [
        (mask, group.format(value) if group else None)
        for value, mask in label_masks(labels, split_regions, (0,) if void is None else void)
    ]


def _brightness(picture: Raster, name: str) -> npt.NDArray[Any]:
    """(H, W) how much of an object each pixel shows."""
    picture.check_whole(name)
    if picture.has_alpha:
        alpha = picture.transparency()
        if alpha.min() < np.iinfo(alpha.dtype).max:
            return alpha
    return picture.brightness(name)


def _value_labels(picture: Raster, name: str) -> tuple[LabelMap, str | None]:
    """(H, W) labels of a grey picture or a palette, and how to write a value, or None."""
    values = label_map_of_picture(picture, name)
    present, areas = np.unique(values[values > 0], return_counts=True)
    if len(present) < 2 and set(present.tolist()) <= set(ALL_OF_ONE):
        return values > 0, None
    if _is_soft(present, areas):
        return values > HALF, None
    if len(present) > 1 and present[-1] == VOID:
        values[values == VOID] = 0
    return values, "{}"


def _colour_labels(picture: Raster, name: str) -> tuple[LabelMap, str | None]:
    """(H, W) labels 0xRRGGBB, and how to write a value, or None if there is only white."""
    labels, present, areas = _colours(picture, name)
    if (present % 0x010101 == 0).all() and _is_soft(present // 0x010101, areas):
        return labels & 0xFF > HALF, None
    return labels, None if present.tolist() == [0xFFFFFF] else "#{:06x}"


def _stated_labels(picture: Raster, name: str) -> tuple[LabelMap, str]:
    """(H, W) labels of a picture whose void values are known, and how to write a value."""
    if picture.is_lossy:
        raise ImageError(f"{name} is compressed with losses, which leave no value as it was")
    if picture.colour == Colour.rgb:
        return _colours(picture, name)[0], "#{:06x}"
    return label_map_of_picture(picture, name), "{}"


def _colours(
    picture: Raster, name: str
) -> tuple[LabelMap, npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """(H, W) labels 0xRRGGBB, 0 where nothing shows; those above 0, and their areas in pixels."""
    colours = _eight_bits(picture.colours(name), name).astype(np.int64)
    labels = colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
    if picture.has_alpha:
        labels = np.where(colours[..., 3] > 0, labels, 0)
    present, areas = np.unique(labels[labels > 0], return_counts=True)
    if len(present) > MOST_COLOURS:
        raise ImageError(f"{name} has {len(present)} colours, which is not one for each object")
    return labels, present, areas


def _eight_bits(colours: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Colours of 16 bits that are those of 8, as they are or moved up. Raises ``ImageError``."""
    if colours.dtype == np.uint8 or (colours.dtype.kind == "u" and colours.max() <= 255):
        return colours
    if colours.dtype == np.uint16 and not (colours % 257).any():
        return colours // 257
    raise ImageError(f"{name} has colours of type {colours.dtype}; a mask's have 8 bits")


def _is_soft(present: npt.NDArray[Any], areas: npt.NDArray[np.intp]) -> bool:
    """Whether values between 0 and 255 are the edges of a white object, and not classes.

    Edges have many levels, up to bright ones, and are small beside what they surround.
    """
    if len(present) <= SOFT_LEVELS or present[-1] != VOID:
        return False
    return bool(present[-2] > HALF and areas[:-1].sum() < areas[-1])
