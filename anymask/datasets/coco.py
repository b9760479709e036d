"""COCO: datasets that one JSON file describes, with polygons and run lengths; LVIS too.

pycocotools reads memory that is not its own where an outline or an encoding is bad, so each is
proved before it gets there.

Shape legend: H W pixels.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.listing import read_file
from anymask.datasets.locations import locate, url_of
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, sample_of, unreadable
from anymask.errors import DatasetError, Error, ImageError, RecordError

MOST_PIXELS = 178_956_970  # Pillow refuses what is larger
STEPS_PER_PX = 5  # in which maskApi.c, rleFrPoly, walks along an outline
MOST_STEPS = 1 << 24  # 128 MiB of its buffers; an int of its counts more


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """An annotation as the file has it: nothing of it but its category's name is proved.

    group: the category's name (``Sample.groups``).
    """

    id: Any
    segmentation: Any
    group: str | None


@dataclass(frozen=True)
class CocoFile:
    """What a COCO file says of those of its images that have objects, in its order.

    images: the file's entries as they are; annotations: of each image, those that are no crowd.
    """

    location: str
    images: tuple[dict[str, Any], ...]
    annotations: tuple[tuple[CocoAnnotation, ...], ...]


def read(annotations: str, images: str) -> Dataset:
    """A COCO file and the folder that its images lie in: a part for each image with objects.

    annotations, images: paths or fsspec URLs. An image whose annotations are malformed, and one
    whose file is missing, give an ``Unread``. Annotations of images that are not in the file are
    passed over, as COCO's own reader does.

    Raises ``RecordError`` for what is no COCO file and ``DatasetError`` for one without objects.
    """
    return dataset(load(annotations), images)


def dataset(file: CocoFile, images: str, prefix: str = "") -> Dataset:
    """The dataset of a COCO file that is read already.

    prefix: what names begin with, before the file's own. Raises ``DatasetError``.
    """
    if not file.images:
        raise DatasetError(f"{file.location} has no image with an annotation that is no crowd")
    fs, root = locate(images)
    parts: dict[str, Part] = {}
    for image, objects in zip(file.images, file.annotations):
        part = _part(
            image, objects, prefix, lambda name: url_of(fs, posixpath.join(root, name), images)
        )
        is_known = part.name in parts
        parts[part.name] = unreadable(part.name, "is in the file twice") if is_known else part
    in_order = tuple(parts[name] for name in sorted(parts))
    return Dataset(file.location, "COCO annotations", in_order, file.location)


def load(annotations: str) -> CocoFile:
    """Read a COCO file's lists; polygons and run lengths stay as they are, unproved.

    Raises ``RecordError``.
    """
    try:
        document = json.loads(read_file(annotations, annotations))
    except ImageError as error:
        raise RecordError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{annotations} is no JSON: {error}") from None
    try:
        return _indexed(document, annotations)
    except RecordError as error:
        raise RecordError(f"{annotations} is no COCO file: {error}") from None


def file_names(image: dict[str, Any]) -> tuple[str, ...]:
    """Where an image may lie below the folder of images, the likeliest first; () if nothing says.

    image: the file's entry. LVIS has only addresses, whose last two parts are the split and the
    file.
    """
    name, url = image.get("file_name"), image.get("coco_url")
    if isinstance(name, str) and _inside(name):
        return (_inside(name),)
    if isinstance(url, str) and _inside(url):
        ends = _inside(url).split("/")[-2:]
        return ("/".join(ends), ends[-1])
    return ()


def rle_of(segmentation: Any, hw: tuple[int, int]) -> RLE:
    """The (H, W) mask of polygons, or of run lengths, compressed or not. Raises ``Error``."""
    if isinstance(segmentation, list):
        return _rle_of_polygons(segmentation, hw)
    if not isinstance(segmentation, dict):
        raise RecordError(f"its segmentation is {_shown(segmentation)}")
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [*hw]:
        raise RecordError(f"its mask is of size {_shown(size)}, the image of {[*hw]}")
    if isinstance(counts, list):
        return _rle_of_counts(counts, hw)
    if not isinstance(counts, str):
        raise RecordError(f"its counts are {_shown(counts)}")
    mask = RLE(size=[*hw], counts=counts)
    rle.area(mask)  # which proves the encoding
    return mask


def _indexed(document: Any, annotations: str) -> CocoFile:
    images = {_id(image, "id", "image"): image for image in _entries(document, "images")}
    if len(images) < len(document["images"]):
        raise RecordError("two of its images have one id")
    names = _category_names(document.get("categories"))
    by_image: dict[Any, list[CocoAnnotation]] = {}
    for entry in _entries(document, "annotations"):
        image_id = _id(entry, "image_id", "annotation")
        if image_id in images and entry.get("iscrowd") != 1:
            group = _category_name(entry.get("category_id"), names)
            by_image.setdefault(image_id, []).append(
                CocoAnnotation(entry.get("id"), entry.get("segmentation"), group)
            )
    return CocoFile(
        annotations,
        tuple(image for image_id, image in images.items() if image_id in by_image),
        tuple(tuple(by_image[image_id]) for image_id in images if image_id in by_image),
    )


def _entries(document: Any, key: str) -> list[dict[str, Any]]:
    """The dictionaries in one of a file's lists."""
    if not isinstance(document, dict) or not isinstance(document.get(key), list):
        raise RecordError(f"it has no list of {key}")
    for number, entry in enumerate(document[key]):
        if not isinstance(entry, dict):
            raise RecordError(f"number {number} of its {key} is {_shown(entry)}")
    return list(document[key])


def _id(entry: dict[str, Any], key: str, entry_kind: str) -> Any:
    value = entry.get(key)
    if not isinstance(value, (int, float, str)):
        raise RecordError(f"the {key} of {entry_kind} {_shown(entry.get('id'))} is {_shown(value)}")
    return value


def _category_names(categories: Any) -> dict[Any, str]:
    """From id to name; groups are no part of a mask, so that what is malformed is passed over."""
    return {
        category["id"]: category["name"]
        for category in (categories if isinstance(categories, list) else [])
        if isinstance(category, dict)
        and isinstance(category.get("id"), (int, float, str))
        and isinstance(category.get("name"), str)
    }


def _category_name(category_id: Any, names: dict[Any, str]) -> str | None:
    return names.get(category_id) if isinstance(category_id, (int, float, str)) else None


def _part(
    image: dict[str, Any],
    annotations: tuple[CocoAnnotation, ...],
    prefix: str,
    url: Callable[[str], str],
) -> Part:
    """url: makes the image's of its name below the folder of images."""
    names = file_names(image)
    if not names:
        return unreadable(f"{prefix}image {image['id']}", "has no file_name")
    part_name = prefix + names[-1]
    try:
        hw = _image_hw(image)
    except RecordError as error:
        return unreadable(part_name, str(error))
    return Part(part_name, partial(_read, part_name, tuple(map(url, names)), hw, annotations))


def _image_hw(image: dict[str, Any]) -> tuple[int, int]:
    height, width = image.get("height"), image.get("width")
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise RecordError(f"is {_shown(width)}×{_shown(height)} (width×height) by the file")
    if height * width > MOST_PIXELS:
        raise RecordError(f"is {width}×{height} (width×height) by the file: too large")
    return height, width


def _read(
    name: str, urls: tuple[str, ...], hw: tuple[int, int], annotations: tuple[CocoAnnotation, ...]
) -> Iterator[Sample | Unread]:
    try:
        content = _read_first(urls, name)
        masks = [(_mask(annotation, hw), annotation.group) for annotation in annotations]
    except Error as error:
        yield Unread.from_error(name, error)
        return
    yield sample_of(name, content, masks)


def _read_first(urls: tuple[str, ...], name: str) -> bytes:
    """The bytes of the first file that can be read."""
    for url in urls[:-1]:
        try:
            return read_file(url, name)
        except ImageError:
            continue
    return read_file(urls[-1], name)


def _mask(annotation: CocoAnnotation, hw: tuple[int, int]) -> RLE:
    try:
        return rle_of(annotation.segmentation, hw)
    except Error as error:
        raise RecordError(f"annotation {_shown(annotation.id)} is malformed: {error}") from None


def _rle_of_polygons(polygons: list[Any], hw: tuple[int, int]) -> RLE:
    if not polygons:
        raise RecordError("it has no polygon")
    outlines = [_outline(polygon, hw) for polygon in polygons]
    merged = coco_mask.merge(coco_mask.frPyObjects(outlines, *hw))
    return RLE(size=[*hw], counts=merged["counts"].decode())


def _outline(polygon: Any, hw: tuple[int, int]) -> list[float]:
    """A polygon as x0, y0, x1, y1, … in pixels, proved to be safe for pycocotools."""
    values = _numbers(polygon, "iuf", "polygon").astype(np.float64)
    if len(values) < 6 or len(values) % 2:
        raise RecordError(f"a polygon of {len(values)} numbers is none")
    points = values.reshape(-1, 2)
    sides = np.array(hw[::-1], np.float64)
    # Outlines lead a little out of the image; farther out, they are of another one.
    if not ((points >= -sides) & (points <= 2 * sides)).all():
        raise RecordError("a polygon leaves the image")
    steps = np.abs(points - np.roll(points, 1, axis=0)).max(axis=1) + 1
    if steps.sum() * STEPS_PER_PX > MOST_STEPS:
        raise RecordError("a polygon is longer than any outline")
    return [float(value) for value in values]


def _rle_of_counts(counts: list[Any], hw: tuple[int, int]) -> RLE:
    lengths = _numbers(counts, "iu", "list of counts")
    height, width = hw
    # Each, too: a sum of large ones wraps around.
    fits = lengths.min() >= 0 and lengths.max() <= height * width
    if not fits or lengths.sum() != height * width:
        raise RecordError(f"its run lengths do not fill {width}×{height}")
    edges = np.cumsum(lengths.astype(np.int64))
    stops = edges[1::2]
    starts = edges[::2][: len(stops)]
    return rle.encode_runs(starts[starts < stops], stops[starts < stops], hw)


def _numbers(values: Any, dtype_kinds: str, noun: str) -> npt.NDArray[Any]:
    """A list of numbers as an array. noun: what errors call it."""
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        raise RecordError(f"a {noun} is {_shown(values)}") from None
    if array.ndim != 1 or array.dtype.kind not in dtype_kinds:
        raise RecordError(f"a {noun} is {_shown(values)}")
    return array


def _shown(value: Any) -> str:
    """A value as an error shows it, however large it is."""
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}…"


def _inside(name: str) -> str:
    """A name as a path that leads nowhere above, whatever machine it was written on."""
    return posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/")
