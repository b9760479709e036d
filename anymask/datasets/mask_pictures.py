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
from anymask.datasets.mask_layouts import (
    MaskedImage,
    masked_images,
    masked_images_elsewhere,
)
from anymask.datasets.pairs import part_of
from anymask.datasets.sample import Dataset, Part, unreadable
from anymask.datasets.soft_masks import lossy_object, soft_colour, soft_object
from anymask.errors import ImageError

KIND = "mask pictures"
VOID = 255
ALL_OF_ONE = (1, 255, 65535)  # a value that alone means "object" rather than a class
MOST_STEPS = 16
MOST_COLOURS = 4096


def read(
    files: Listing,
    split_regions: bool = False,
    void: Sequence[int] | None = None,
    page: int | None = None,
    images: Listing | None = None,
) -> Dataset | None:
    """The images that have mask pictures: a part each; None where there is none.

    An image without mask picture, with a broken one or with no object in it gives an ``Unread``;
    the dataset's notes name the mask pictures that are of no image.
    split_regions: whether every 8-connected region of a value is an object of its own.
    void: the values that are no object, if they are not 0, and 255 beside others. page: of pictures
    with several, the only one to read, counted from 1; it is the page of the image, too. images:
    where the images lie, if not among the files; those without mask picture are passed over then.
    """
    if images is not None:
        masked, left_out = masked_images_elsewhere(files.paths, images.paths)
    else:
        called = posixpath.basename(files.root.rstrip("/"))
        masked, left_out = masked_images(files.paths, called)
    if not any(image.pictures for image in masked):
        return None
    all_objects = partial(objects_of, split_regions=split_regions, void=void, page=page)
    one_object = partial(object_of, split_regions=split_regions, page=page)
    parts = (
        _part(files, image, one_object if image.one_object_each else all_objects, images)
        for image in masked
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
    Values of grey pictures and palettes stand as they are: 255 is void beside others, unless they
    are even steps. Of colours, all but black and the transparent are objects. Where others are the
    soft edges of one object (``soft_masks``), and in what is compressed with losses, there is one,
    where it is brighter than half. Where ``void`` names the values that are no object (of colours
    0xRRGGBB), all others are. Raises ``ImageError``.
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


def _part(
    files: Listing, image: MaskedImage, objects_of: ObjectReader, images: Listing | None
) -> Part:
    if not image.pictures:
        return unreadable(image.name, "has no picture of its masks")
    return part_of(files, image.name, image.pictures, objects_of, images=images)


def _objects_of(
    picture: Raster, name: str, split_regions: bool, void: Sequence[int] | None
) -> list[Object]:
    """``objects_of`` a page."""
    labels: LabelMap
    group: str | None
    if void is not None:
        labels, group = _stated_labels(picture, name)
    elif picture.is_lossy:
        labels, group = lossy_object(_shown(picture, name), name), None
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
    present = np.unique(values[values > 0])
    if len(present) < 2 and set(present.tolist()) <= set(ALL_OF_ONE):
        return values > 0, None
    shown = soft_object(values, name)
    if shown is not None:
        return shown, None
    if len(present) > 1 and present[-1] == VOID:
        if picture.colour == Colour.grey:
            _check_void(present, name)
        values[values == VOID] = 0
    return values, "{}"


def _colour_labels(picture: Raster, name: str) -> tuple[LabelMap, str | None]:
    """(H, W) labels 0xRRGGBB, and how to write a value, or None if there is only white."""
    labels, present = _colours(picture, name)
    shown = soft_colour(_shown(picture, name), name)
    if shown is not None:
        return shown, None
    return labels, None if present.tolist() == [0xFFFFFF] else "#{:06x}"


def _stated_labels(picture: Raster, name: str) -> tuple[LabelMap, str]:
    """(H, W) labels of a picture whose void values are known, and how to write a value."""
    if picture.is_lossy:
        raise ImageError(f"{name} is compressed with losses, which leave no value as it was")
    if picture.colour == Colour.rgb:
        return _colours(picture, name)[0], "#{:06x}"
    return label_map_of_picture(picture, name), "{}"


def _colours(picture: Raster, name: str) -> tuple[LabelMap, npt.NDArray[np.int64]]:
    """(H, W) labels 0xRRGGBB, 0 where nothing shows, and those above 0."""
    colours = _eight_bits(_shown(picture, name), name).astype(np.int64)
    labels = colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
    present = np.unique(labels[labels > 0])
    if len(present) > MOST_COLOURS:
        raise ImageError(f"{name} has {len(present)} colours, which is not one for each object")
    return labels, present


def _shown(picture: Raster, name: str) -> npt.NDArray[Any]:
    """(H, W, 3) colours, or (H, W, 1) grey, of any type; what is transparent is black."""
    coloured = picture.colours(name) if picture.colour == Colour.rgb else picture.values
    if not picture.has_alpha:
        return coloured
    return np.where(coloured[..., -1:] > 0, coloured[..., :-1], 0).astype(coloured.dtype)


def _eight_bits(colours: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Colours of 16 bits that are those of 8, as they are or moved up. Raises ``ImageError``."""
    if colours.dtype == np.uint8 or (colours.dtype.kind == "u" and colours.max() <= 255):
        return colours
    if colours.dtype == np.uint16 and not (colours % 257).any():
        return colours // 257
    raise ImageError(f"{name} has colours of type {colours.dtype}; a mask's have 8 bits")


def _check_void(present: npt.NDArray[Any], name: str) -> None:
    """Raise ``ImageError`` where 255 may be a class like the others: 128 and 255; 85, 170 and 255.

    Such steps are those of classes that are made to be seen, and of trimaps.
    """
    steps = len(present)
    even = np.arange(1, steps + 1) * VOID / steps
    if steps <= MOST_STEPS and (np.abs(present - even) < 1).all():
        values = ", ".join(map(str, present))
        raise ImageError(
            f"{name} has the values {values} in even steps, of which {VOID} may be void or a "
            f"class: say which are no objects (anymask evaluate --void 0, or --void 0 --void "
            f"{VOID})"
        )
