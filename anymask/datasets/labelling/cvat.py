"""CVAT for images 1.1: ``annotations.xml``, with masks, polygons and ellipses.

Polygons are rasterised as COCO's are; of an ellipse, pixels are taken whose centres lie in it.

Shape legend: H W pixels, h w of a box.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from xml.etree import ElementTree

import numpy as np

from anymask.core.image import read_size
from anymask.core.rle import RLE
from anymask.datasets.labelling.image_names import ImageNames
from anymask.datasets.labelling.numbers import number_of, size_of, whole_number_of
from anymask.datasets.labelling.objects import Objects
from anymask.datasets.labelling.points import points_of
from anymask.datasets.labelling.shapes import ellipse, enclosed_polygon, placed
from anymask.datasets.listing import (
    MOST_PIXELS,
    Listing,
    is_image,
    list_files,
    read_file,
    read_start,
)
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Dataset, Detail, Part, Sample, missing_image, unreadable
from anymask.errors import DatasetError, Error, RecordError, clipped

KIND = "CVAT for images"
START_BYTES = 4096
MARK = b"<annotations"
WITHOUT_MASK = {
    "box": "a box has no mask",
    "cuboid": "a cuboid has no mask",
    "polyline": "a line has no area",
    "points": "points have no area",
    "skeleton": "a skeleton has no area",
}

Shape = tuple[str, Mapping[str, str]]  # its element's name and attributes


@dataclass(frozen=True)
class CvatImage:
    """An image of a file, and the shapes in it, of which nothing is proved."""

    name: str
    hw: tuple[int, int] | None
    shapes: tuple[Shape, ...]


def read(files: Listing, images: Listing | None = None) -> Dataset | None:
    """The images of CVAT's files among files; None where there is none.

    images: where the images lie, if not among the files. What has no shape, is missing or broken
    gives an ``Unread``. Raises ``DatasetError`` where none of the images is there.
    """
    names = [name for name in files.paths if name.lower().endswith(".xml")]
    names = [name for name in names if MARK in read_start(files.url(name), START_BYTES)]
    if not names:
        return None
    among = images or (files if any(map(is_image, files.paths)) else _around(files))
    photographs = [name for name in among.paths if is_image(name)]
    index = ImageNames(photographs)
    parts: dict[str, Part] = {}
    notes: list[LeftOut] = []
    for name in names:
        try:
            listed, tracks = images_of(read_file(files.url(name), name), name)
        except Error as error:
            parts[name] = unreadable(name, str(error).removeprefix(f"{name} "))
            continue
        if tracks:
            notes.append(LeftOut(name, "has tracks of a video, which are not read", tracks))
        for image in listed:
            part = _part(among, index, image, name)
            if part.name in parts:
                part = unreadable(image.name, f"is in {name} again: passed over")
            parts[part.name] = part
    if parts and parts.keys().isdisjoint(photographs):
        raise DatasetError(
            f"none of the images of {files.location} is there: it names {next(iter(parts))}; "
            f"give their folder as images (--images)"
        )
    if images is None and among is files:
        alone = (name for name in photographs if name not in parts)
        parts |= {name: unreadable(name, "is in no file of CVAT's") for name in alone}
    in_order = tuple(parts[name] for name in sorted(parts))
    return Dataset(files.location, KIND, in_order, notes=tuple(notes))


def images_of(content: bytes, name: str) -> tuple[list[CvatImage], int]:
    """The images of a file, and how many tracks of a video it has.

    Raises ``RecordError`` for what is no XML.
    """
    images: list[CvatImage] = []
    tracks = 0
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(content)):
            if element.tag == "track":
                tracks += 1
            elif element.tag == "image":
                images.append(_image(element))
            if element.tag in ("image", "track"):
                element.clear()  # or all of a large file would stay
    except ElementTree.ParseError as error:
        raise RecordError(f"{name} is no XML: {error}") from None
    return images, tracks


def objects_of(image: CvatImage, hw: tuple[int, int]) -> Objects:
    """The objects of an (H, W) image, each of the label that is its group."""
    objects = Objects()
    for number, (kind, values) in enumerate(image.shapes):
        label = values.get("label")
        which = f"shape {number} ({label})" if label else f"shape {number}"
        try:
            objects.add(which, _mask(kind, values, hw), label or None, _detail(values))
        except Error as error:
            objects.lost.add(str(error), which)
    return objects


def _around(files: Listing) -> Listing:
    return list_files(files.folder_url(""))


def _image(element: ElementTree.Element) -> CvatImage:
    hw = size_of(element.get("height"), element.get("width"))
    shapes = tuple((str(child.tag), dict(child.attrib)) for child in element if child.tag != "tag")
    return CvatImage(element.get("name", "").replace("\\", "/"), hw, shapes)


def _part(images: Listing, index: ImageNames, image: CvatImage, file: str) -> Part:
    try:
        known = index.find(image.name, posixpath.dirname(file)) if image.name else None
    except DatasetError as error:
        return unreadable(image.name, f"is no one image: {error}")
    if known is None:
        return missing_image(image.name or file, f"is in {file}, and is not there")
    return Part(known, partial(_read, known, images.url(known), image), image.name)


def _read(name: str, url: str, image: CvatImage) -> Iterator[Sample | Unread]:
    try:
        content = read_file(url, name)
        objects = objects_of(image, image.hw or read_size(content, name))
    except Error as error:
        yield Unread.from_error(name, error)
        return
    yield from objects.samples(name, content)


def _mask(kind: str, values: Mapping[str, str], hw: tuple[int, int]) -> RLE:
    """Raises ``Error``, with a reason that stands after a colon."""
    if kind in WITHOUT_MASK:
        raise RecordError(WITHOUT_MASK[kind])
    if kind not in MASKS:
        raise RecordError(f"shapes of the type {clipped(kind)} are not known")
    return MASKS[kind](values, hw)


def _detail(values: Mapping[str, str]) -> Detail:
    group = whole_number_of(values.get("group_id"))  # 0 is none
    order = whole_number_of(values.get("z_order")) or 0
    return Detail(group=str(group), order=order) if group else Detail(order=order)


def _box_mask(values: Mapping[str, str], hw: tuple[int, int]) -> RLE:
    """Run lengths row by row in a box, the first of what is outside the mask."""
    keys = ("left", "top", "width", "height")
    box = _whole_numbers(values.get(key) for key in keys)
    if box is None or min(box[2:]) < 1 or box[2] * box[3] > MOST_PIXELS:
        raise RecordError(f"its box is {clipped({key: values.get(key) for key in keys})}")
    left, top, width, height = box
    runs = _whole_numbers(values.get("rle", "").split(","))
    if runs is None or min(runs) < 0:
        raise RecordError(f"its run lengths are {clipped(values.get('rle'))}")
    if sum(runs) != width * height:
        raise RecordError(f"its run lengths do not fill its box, {width}×{height}")
    part = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return placed(part, (left, top), hw)


def _whole_numbers(texts: Iterable[str | None]) -> list[int] | None:
    """The numbers that all texts are, or None."""
    numbers = [whole_number_of(text) for text in texts]
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) else None


def _polygon(values: Mapping[str, str], hw: tuple[int, int]) -> RLE:
    pairs = [pair.split(",") for pair in values.get("points", "").split(";")]
    return enclosed_polygon(points_of(pairs), hw)


def _ellipse(values: Mapping[str, str], hw: tuple[int, int]) -> RLE:
    x, y, radius_x, radius_y = (number_of(values.get(key)) for key in ("cx", "cy", "rx", "ry"))
    if x is None or y is None or radius_x is None or radius_y is None:
        raise RecordError(f"its ellipse is {clipped(dict(values))}")
    if min(radius_x, radius_y) <= 0:
        raise RecordError("an ellipse without a radius has no area")
    degrees = number_of(values.get("rotation", "0")) or 0.0
    return ellipse((x, y), (radius_x, radius_y), degrees, hw)


MASKS: dict[str, Callable[[Mapping[str, str], tuple[int, int]], RLE]] = {
    "mask": _box_mask,
    "polygon": _polygon,
    "ellipse": _ellipse,
}
