"""Label Studio: its JSON exports, with brush strokes, polygons and ellipses.

Places are percent of the image's sides. Polygons are rasterised as COCO's are, to which Label
Studio's own converter turns them; of an ellipse, pixels are taken whose centres lie in it.

Shape legend: H W pixels.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from functools import partial
from typing import Any

from anymask.core.image import decode_image
from anymask.core.rle import RLE
from anymask.datasets.labelling import label_studio_brush
from anymask.datasets.labelling.base64_text import bytes_of
from anymask.datasets.labelling.image_names import ImageNames
from anymask.datasets.labelling.label_studio_tasks import (
    REGION_KEYS,
    Task,
    listed,
    tasks_of,
)
from anymask.datasets.labelling.numbers import number_of, size_of
from anymask.datasets.labelling.objects import Objects
from anymask.datasets.labelling.points import points_of
from anymask.datasets.labelling.shapes import ellipse, enclosed_polygon, placed
from anymask.datasets.listing import (
    Listing,
    is_image,
    is_json,
    list_files,
    read_file,
    read_start,
    stem,
)
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, missing_image, unreadable
from anymask.errors import DatasetError, Error, ImageError, RecordError, clipped

KIND = "Label Studio tasks"
RELATION = "relation"  # the type of a result that is about two others, and has no value
FILES_TRIED = 16
MARKS = (b'"annotations"', b'"completions"', b'"result"', b'"annotation_id"', b'"predictions"')
ANNOTATIONS = ("annotations", "labels", "export")  # folders beside those of images
DATA_URL = "data:image/"


def read(files: Listing, images: Listing | None = None) -> Dataset | None:
    """The images of all tasks in the exports among files; None where there is none.

    An image is found by the end of its name. What has no annotation, is missing or broken gives an
    ``Unread``, and so do images beside an export that have no task. images: where the images lie,
    if not among the files. Raises ``DatasetError`` where none of the images is there.
    """
    exports = _exports(files)
    if not exports:
        return None
    among = images or _images_around(files)
    photographs = [name for name in among.paths if is_image(name)]
    index = ImageNames(photographs)
    parts: dict[str, Part] = {}
    for export, tasks in exports.items():
        for task in tasks:
            part = _part(among, index, task, export)
            if part.name in parts:
                part = unreadable(_name(task, export), f"is another task of {part.name}")
            parts[part.name] = part
    tasks = [task for tasks in exports.values() for task in tasks]
    if parts.keys().isdisjoint(photographs) and not any(_holds_image(task) for task in tasks):
        raise DatasetError(
            f"none of the images of {files.location} is there: it names "
            f"{clipped(tasks[0].image or tasks[0].upload)}; give their folder as images (--images)"
        )
    if images is None and among is files:
        alone = (name for name in photographs if name not in parts)
        parts |= {name: unreadable(name, "has no task in Label Studio") for name in alone}
    return Dataset(files.location, KIND, tuple(parts[name] for name in sorted(parts)))


def objects_of(task: Task, hw: tuple[int, int]) -> Objects:
    """The objects of a task, each of the labels that are its group, and why others are none.

    hw: (H, W) of the image.
    """
    objects = Objects(notes=list(task.notes))
    for which, reason in _placeless(task.results):
        objects.lost.add(reason, which)
    for number, results in enumerate(_regions(task.results)):
        labels = list(dict.fromkeys(label for result in results for label in _labels(result)))
        group = ", ".join(labels) or None
        which = f"region {results[0].get('id', number)}" + (f" ({group})" if group else "")
        try:
            objects.add(which, _mask(results[0], hw), group)
        except Error as error:
            objects.lost.add(str(error), which)
    return objects


def _exports(files: Listing) -> dict[str, list[Task]]:
    """The tasks of each export among files."""
    stems = {stem(name) for name in files.paths if is_image(name)}
    names = [name for name in files.paths if is_json(name) and stem(name) not in stems]
    exports: dict[str, list[Task]] = {}
    for number, name in enumerate(names):
        if number == FILES_TRIED and not exports:
            break
        start = read_start(files.url(name), 1 << 16).lstrip(b"\xef\xbb\xbf \r\n\t")
        if not start.startswith(b"[") and not any(mark in start for mark in MARKS[2:]):
            continue
        try:
            exports[name] = tasks_of(read_file(files.url(name), name), name)
        except Error:
            continue
    return exports


def _images_around(files: Listing) -> Listing:
    """The files themselves, or what lies around an export that is named alone."""
    if any(map(is_image, files.paths)):
        return files
    folder = files.folder_url("")
    is_apart = posixpath.basename(folder) in ANNOTATIONS
    return list_files(posixpath.dirname(folder) if is_apart else folder)


def _part(images: Listing, index: ImageNames, task: Task, export: str) -> Part:
    if _holds_image(task):
        name = f"{stem(export)}/{task.id}"
        return Part(name, partial(_read, name, "", task))
    try:
        known = index.find(task.image, posixpath.dirname(export)) if task.image else None
        known = known or (index.find(task.upload) if task.upload else None)
    except DatasetError as error:
        return unreadable(_name(task, export), f"is about no one image: {error}")
    if known is None:
        meant = clipped(task.image or task.upload)
        reason = f"is about {meant}, which is not there" if meant != "''" else "names no image"
        return missing_image(_name(task, export), reason)
    return Part(known, partial(_read, known, images.url(known), task), task.image or task.upload)


def _name(task: Task, export: str) -> str:
    return f"task {task.id} of {export}"


def _holds_image(task: Task) -> bool:
    return task.image.startswith(DATA_URL)


def _read(name: str, url: str, task: Task) -> Iterator[Sample | Unread]:
    """url: of the image; "" where the task holds it."""
    if task.problem:
        yield Unread(name, task.problem)
        return
    try:
        content = read_file(url, name) if url else _held_image(task)
        hw = _size(task, name, content)
        objects = objects_of(task, hw)
    except Error as error:
        yield Unread.from_error(name, error)
        return
    yield from objects.samples(name, content)


def _held_image(task: Task) -> bytes:
    content = bytes_of(task.image)
    if content is None:
        raise ImageError("holds a broken image")
    return content


def _size(task: Task, name: str, content: bytes) -> tuple[int, int]:
    """(H, W) that most results say; else the image's own. Raises ``ImageError``."""
    sizes = [size for size in map(_own_size, task.results) if size]
    if sizes:
        return max(sizes, key=sizes.count)
    height, width, _ = decode_image(content, name).shape
    return height, width


def _own_size(result: Any) -> tuple[int, int] | None:
    if not isinstance(result, dict):
        return None
    return size_of(result.get("original_height"), result.get("original_width"))


def _regions(results: tuple[Any, ...]) -> list[list[dict[str, Any]]]:
    """The results with a place, those about one region together.

    They have one ``id``; where there is none, one place. What is about the whole image, as choices
    and texts are, is no region.
    """
    regions: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        value = result.get("value") if isinstance(result, dict) else None
        if isinstance(value, dict) and _is_placed(value):
            place = {k: v for k, v in value.items() if not k.endswith("labels")}
            key = json.dumps(result.get("id") or place, sort_keys=True)
            regions.setdefault(key, []).append(result)
    return list(regions.values())


def _placeless(results: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    """What each result is called that should be a region's and has no place, and why it has none.

    Relations have no value, and what is about the whole image has no labels of regions.
    """
    for number, result in enumerate(results):
        if not isinstance(result, dict):
            yield f"result number {number}", f"it is {clipped(result)}"
            continue
        which = f"region {result['id']}" if result.get("id") else f"result number {number}"
        value = result.get("value")
        if "value" not in result:
            if result.get("type") != RELATION:
                yield which, "it has no value"
        elif not isinstance(value, dict) or not value:
            yield which, f"its value is {clipped(value)}"
        elif not _is_placed(value) and any(key.endswith("labels") for key in value):
            yield which, "it has labels and no place"


def _is_placed(value: Any) -> bool:
    return isinstance(value, dict) and any(key in value for key in (*REGION_KEYS, "x"))


def _labels(result: dict[str, Any]) -> list[str]:
    """The labels of a result: ``brushlabels``, ``polygonlabels``, ``labels``."""
    lists = (value for key, value in result["value"].items() if key.endswith("labels"))
    return [
        str(label)
        for labels in lists
        for label in (labels if isinstance(labels, list) else [labels])
        if isinstance(label, (str, int))
    ]


def _mask(result: dict[str, Any], hw: tuple[int, int]) -> RLE:
    """Raises ``Error``, with a reason that stands after a colon."""
    value = result["value"]
    if (_own_size(result) or hw) != hw:
        raise RecordError(f"it is of an image of another size than {hw[1]}×{hw[0]} (width×height)")
    if result.get("image_rotation"):
        raise RecordError(f"the image was turned by {clipped(result['image_rotation'])}°")
    if "rle" in value:
        return placed(label_studio_brush.decode(listed(value["rle"]), hw), (0, 0), hw)
    if "points" in value:
        return _polygon(value, hw)
    if "radiusX" in value:
        return _ellipse(value, hw)
    if "imageDataURL" in value:
        raise RecordError("bitmasks are not read")
    raise RecordError("a box has no mask" if "height" in value else "a point has no area")


def _polygon(value: dict[str, Any], hw: tuple[int, int]) -> RLE:
    points = points_of(value["points"])
    if value.get("closed") is False:
        raise RecordError("an open polygon has no area")
    height, width = hw
    return enclosed_polygon([(x / 100 * width, y / 100 * height) for x, y in points], hw)


def _ellipse(value: dict[str, Any], hw: tuple[int, int]) -> RLE:
    keys = ("x", "y", "radiusX", "radiusY")
    x, y, radius_x, radius_y = (number_of(value.get(key)) for key in keys)
    if x is None or y is None or radius_x is None or radius_y is None:
        raise RecordError(f"its ellipse is {clipped({key: value.get(key) for key in keys})}")
    if min(radius_x, radius_y) <= 0:
        raise RecordError("an ellipse without a radius has no area")
    height, width = hw[0] / 100, hw[1] / 100
    degrees = number_of(value.get("rotation", 0)) or 0.0
    return ellipse((x * width, y * height), (radius_x * width, radius_y * height), degrees, hw)
