"""labelme: a JSON file for each image, of shapes that people drew; labelme 3 to 6.

What has an outline is drawn as labelme itself draws it (``labelme.utils.shape_to_mask`` of 6.3.1):
with all pixels that the outline touches, so that a file means the masks that labelme makes of it,
and strips of a pixel stay. Mask shapes are taken as they are: 0 or more, between the first and the
last pixel of their box.

Shape legend: H W pixels, h w of a box.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.image import decode_image
from anymask.core.rle import RLE
from anymask.datasets.coco.names import normal
from anymask.datasets.label_maps import read_mask_picture
from anymask.datasets.labelling.base64_text import bytes_of
from anymask.datasets.labelling.image_names import ImageNames
from anymask.datasets.labelling.numbers import number_of, size_of
from anymask.datasets.labelling.objects import Objects
from anymask.datasets.labelling.points import Points, points_of
from anymask.datasets.labelling.shapes import (
    placed,
    touched_circle,
    touched_polygon,
    touched_rectangle,
)
from anymask.datasets.listing import Listing, is_image, is_json, read_file, read_start, stem
from anymask.datasets.locations import locate, url_of
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import VOID_GROUP, Dataset, Part, Sample, missing_image, unreadable
from anymask.errors import DatasetError, Error, RecordError, clipped

KIND = "labelme files"
MARKS = (b'"shapes"', b'"imagePath"', b'"imageData"')
START_BYTES = 4096  # in which one of them is
FILES_TRIED = 16
IGNORED, BACKGROUND = "__ignore__", "_background_"  # of labelme's lists of labels
WITHOUT_AREA = ("line", "linestrip", "point", "points")


def read(files: Listing, images: Listing | None = None) -> Dataset | None:
    """The images that labelme's files name, or hold, and those beside them that have no file.

    The image of a file is the only one of its own name beside it; else the one that it names, in
    the folder of most likeness; else the one within it. What is missing or broken gives an
    ``Unread``. images: where the images lie, if not among the files. None where there is no such
    file.
    """
    names = [name for name in files.paths if is_json(name)]
    step = max(len(names) // FILES_TRIED, 1)
    if not any(_is_labelme(files, name) for name in names[::step]):
        return None
    photographs = [name for name in (images or files).paths if is_image(name)]
    by_stem: dict[str, list[str]] = {}
    for image in photographs:
        by_stem.setdefault(normal(stem(image)), []).append(image)
    index = ImageNames(photographs)
    parts: dict[str, Part] = {}
    for name in names:
        same = by_stem.get(normal(stem(name)), [])
        part = _part(files, images or files, name, same[0] if len(same) == 1 else index)
        if part is not None and part.name in parts:
            part = unreadable(name, f"is another labelme file of {part.name}: passed over")
        if part is not None:
            parts[part.name] = part
    if images is None:
        alone = (name for name in photographs if name not in parts)
        parts |= {name: unreadable(name, "has no labelme file") for name in alone}
    return Dataset(files.location, KIND, tuple(parts[name] for name in sorted(parts)))


def objects_of(document: dict[str, Any], hw: tuple[int, int]) -> Objects:
    """The objects of a file, each of the label that is its group, and why others are none.

    Shapes of one label and one ``group_id`` are parts of one object.
    """
    objects = Objects()
    masks: dict[object, list[RLE]] = {}
    called: dict[object, tuple[str, str | None]] = {}
    for number, shape in enumerate(document["shapes"]):
        label = _label(shape)
        which = f"shape {number}" + (f" ({label})" if label is not None else "")
        try:
            mask = _mask(shape, hw)
        except Error as error:
            objects.lost.add(str(error), which)
            continue
        is_whole = shape.get("group_id") in (None, "")
        key: object = number if is_whole else (label, str(shape["group_id"]))
        masks.setdefault(key, []).append(mask)
        called.setdefault(key, (which, label))
    for key, parts in masks.items():
        which, label = called[key]
        mask = rle.union(parts) if len(parts) > 1 else parts[0]
        objects.add(which, mask, VOID_GROUP if label == IGNORED else label)
    return objects


def _label(shape: Any) -> str | None:
    """A shape's label; numbers are names, too."""
    label = shape.get("label") if isinstance(shape, dict) else None
    if isinstance(label, str):
        return label
    number = number_of(label)
    return None if number is None else f"{label}"


def _is_labelme(files: Listing, name: str) -> bool:
    return any(mark in read_start(files.url(name), START_BYTES) for mark in MARKS) and bool(
        _document(files, name)
    )


def _document(files: Listing, name: str) -> dict[str, Any] | None:
    """A file of labelme's, or None where it is another."""
    try:
        return document_of(read_file(files.url(name), name), name)
    except Error:
        return None


def document_of(content: bytes, name: str) -> dict[str, Any]:
    """A file of labelme's, of which no shape is proved. Raises ``RecordError``."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{name} is no JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
        raise RecordError(f"{name} is no labelme file: it has no list of shapes")
    return document


def _part(files: Listing, images: Listing, name: str, image: str | ImageNames) -> Part | None:
    """The part of a file, or None where it is none of labelme's.

    image: the file's, or all among which it is.
    """
    if isinstance(image, str):
        return Part(image, partial(_read, image, images.url(image), name, files.url(name)))
    document = _document(files, name)
    if document is None:
        return None
    path, folder = _image_path(document), posixpath.dirname(name)
    try:
        known = image.find(path, folder) if path else None
    except DatasetError as error:
        return unreadable(name, f"is the file of no one image: {error}")
    url = images.url(known) if known else _url_beside(files.url(name), path)
    if url is None and not document.get("imageData"):
        meant = f"of {path}, which is not there" if path else "of an image that it does not name"
        return missing_image(name, f"is the labelme file {meant}")
    known = known or posixpath.join(folder, posixpath.basename(path or stem(name)))
    written = posixpath.normpath(posixpath.join(folder, path)) if path else ""
    return Part(known, partial(_read, known, url, name, files.url(name)), written)


def _image_path(document: dict[str, Any]) -> str:
    path = document.get("imagePath")
    return path.replace("\\", "/") if isinstance(path, str) else ""


def _url_beside(file_url: str, path: str) -> str | None:
    """The image where labelme itself looks, which may lie outside of the folder that was named."""
    try:
        fs, file = locate(file_url)
        place = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        return url_of(fs, place, file_url) if path and fs.isfile(place) else None
    except Exception:  # every file system has errors of its own
        return None


def _read(image: str, url: str | None, name: str, file_url: str) -> Iterator[Sample | Unread]:
    """url: the image's; None where the file holds it."""
    try:
        document = document_of(read_file(file_url, name), name)
        _check_image(document, image, url, name, file_url)
        content = _held_image(document, name) if url is None else read_file(url, image)
        hw = size_of(document.get("imageHeight"), document.get("imageWidth"))
        if hw is None:
            height, width, _ = decode_image(content, image).shape
            hw = height, width
        objects = objects_of(document, hw)
    except Error as error:
        yield Unread.from_error(image, error)
        return
    yield from objects.samples(image, content)


def _check_image(
    document: dict[str, Any], image: str, url: str | None, name: str, file_url: str
) -> None:
    """Raises ``RecordError`` where a file has an image's name, but names another that is there."""
    path = _image_path(document)
    if url is None or stem(posixpath.basename(path)) == stem(posixpath.basename(image)):
        return
    other = _url_beside(file_url, path)
    if other not in (None, url):
        raise RecordError(f"has no labelme file: {name} is that of {path}")


def _held_image(document: dict[str, Any], name: str) -> bytes:
    content = bytes_of(document.get("imageData"))
    if content is None:
        raise RecordError(f"has no image: the imageData of {name} is broken")
    return content


def _mask(shape: Any, hw: tuple[int, int]) -> RLE:
    """Raises ``Error``, with a reason that stands after a colon."""
    if not isinstance(shape, dict):
        raise RecordError(f"it is {clipped(shape)}")
    if shape.get("label") == BACKGROUND:
        raise RecordError(f"{BACKGROUND} is no object")
    kind = shape.get("shape_type", "polygon")
    kind = "polygon" if kind is None else kind
    kind = kind.lower() if isinstance(kind, str) else kind
    if kind in WITHOUT_AREA:
        raise RecordError(f"a {kind} has no area")
    if kind == "mask":
        return _box_mask(shape, points_of(shape.get("points")), hw)
    if not isinstance(kind, str) or kind not in OUTLINES:
        raise RecordError(f"shapes of the type {clipped(kind)} are not known")
    return OUTLINES[kind](points_of(shape.get("points")), hw)


def _rectangle(points: Points, hw: tuple[int, int]) -> RLE:
    """Of two corners, or of four as programs that followed labelme write them."""
    return (touched_polygon if len(points) == 4 else touched_rectangle)(points, hw)


def _box_mask(shape: dict[str, Any], points: Points, hw: tuple[int, int]) -> RLE:
    """A mask in a box, of which the first and the last pixel are given."""
    if len(points) != 2:
        raise RecordError(f"the box of a mask has {len(points)} corners")
    (left, top), (right, bottom) = [(int(x), int(y)) for x, y in points]
    part = _picture(shape.get("mask"))
    h, w = bottom - top + 1, right - left + 1
    if part.shape not in ((h, w), (h - 1, w - 1)):  # others leave out the last one
        raise RecordError(
            f"its mask is {part.shape[1]}×{part.shape[0]} (width×height), its box {w}×{h}"
        )
    return placed(part, (left, top), hw)


def _picture(encoded: Any) -> npt.NDArray[np.bool_]:
    """(h, w) what is more than 0 in a picture, in base 64."""
    content = bytes_of(encoded)
    if content is None:
        raise RecordError(f"its mask is {clipped(encoded)}")
    picture = read_mask_picture(content, "its mask")
    bands = picture.values.shape[2]
    inside = picture.values[..., : bands - 1 if picture.has_alpha and bands > 1 else bands] > 0
    return np.asarray(inside.any(axis=2))


OUTLINES: dict[str, Callable[[Points, tuple[int, int]], RLE]] = {
    "polygon": touched_polygon,
    "rectangle": _rectangle,
    "oriented_rectangle": touched_polygon,
    "rotation": touched_polygon,  # X-AnyLabeling's, as the next one is
    "quadrilateral": touched_polygon,
    "circle": touched_circle,
}
