"""COCO dataset: a part for each image of a COCO or LVIS file, with the masks of its annotations.

What is wrong with an annotation takes only that annotation away, and is named beside the sample.

Shape legend: H W pixels.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from anymask.core.image import decode_image
from anymask.core.rle import RLE
from anymask.datasets.coco import segmentation
from anymask.datasets.coco.file import CocoAnnotation, CocoFile, CocoImage, load
from anymask.datasets.coco.left_out import Tally
from anymask.datasets.coco.places import Place, Places, place_images
from anymask.datasets.coco.polygons import SegmentationError
from anymask.datasets.listing import list_files, read_file
from anymask.datasets.locations import locate, url_of
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Dataset, Part, Sample, unreadable
from anymask.errors import DatasetError, Error, ImageError

KIND = "COCO annotations"
WITH_CROWDS = f"{KIND}, crowds as objects"
NO_PIXEL = "a mask without a pixel"
ONLY_A_BOX = "no mask, only a box"
SidesHW = tuple[int | None, int | None]


def read(annotations: str, images: str, crowds: str | None = None) -> Dataset:
    """A COCO file and the folder that its images lie in: a part for each image with objects.

    annotations, images: paths or fsspec URLs. crowds: ``crowds.decide``. An image none of whose
    annotations can be read, and one whose file is missing, give an ``Unread``; what is left out of
    others follows them.

    Raises ``RecordError`` for what is no COCO file and ``DatasetError`` for one without objects.
    """
    file, files = load(annotations, crowds), list_files(images)
    places = place_images(file.with_objects, Places(lambda: files.paths), "")
    return dataset(file, places, urls_below(files.location, files.root))


def urls_below(found_by: str, root: str) -> Callable[[str], str]:
    """Makes the path or URL of a path below a root. found_by: what led there."""
    fs, _ = locate(found_by)
    return lambda path: url_of(fs, posixpath.join(root, path), found_by)


def dataset(file: CocoFile, places: Sequence[Place], url: Callable[[str], str]) -> Dataset:
    """The dataset of a COCO file that is read already.

    places: of its images with objects. url: of a path in the data's folder. Raises
    ``DatasetError``.
    """
    if not file.with_objects:
        why = f": {file.notes[0].reason}" if file.notes else ""
        raise DatasetError(f"{file.location} has no image with an annotation that is no crowd{why}")
    parts: dict[str, Part] = {}
    exact = Counter(place.paths for place in places if place.is_exact)
    near = Counter(place.paths for place in places)
    for image, place in zip(file.with_objects, places):
        rivals = near[place.paths] - 1 if not exact[place.paths] else exact[place.paths]
        part = _part(file, image, place, url, bool(not place.is_exact and rivals))
        is_known = part.name in parts
        parts[part.name] = unreadable(part.name, "is in the file twice") if is_known else part
    in_order = tuple(parts[name] for name in sorted(parts))
    takes_crowds = any(one.is_marked for image in file.with_objects for one in image.annotations)
    takes_crowds &= file.decision.are_objects
    return Dataset(
        file.location,
        WITH_CROWDS if takes_crowds else KIND,
        in_order,
        file.location,
        file.notes,
        file.decision.are_objects,
    )


def several_files(place: Place) -> str:
    """What is wrong with an image that may be one of several files."""
    others = ", ".join([place.name, *place.others])
    return f"is the name of several files: {others}; give the folder that is meant (--images)"


def _part(
    file: CocoFile, image: CocoImage, place: Place, url: Callable[[str], str], is_taken: bool
) -> Part:
    """is_taken: whether another image has at least as much a claim on the file."""
    if image.fault:
        return unreadable(place.name if image.paths else image.label, image.fault)
    if place.others:
        return unreadable(image.label, several_files(place))
    if is_taken:
        return unreadable(image.label, f"would be {place.name}, which another image is")
    urls = tuple(map(url, place.paths))
    return Part(
        place.name, partial(_read, place.name, urls, image.sides_hw, file.objects_of(image))
    )


def _read(
    name: str,
    urls: tuple[str, ...],
    sides_hw: SidesHW,
    annotations: tuple[CocoAnnotation, ...],
) -> Iterator[Sample | Unread]:
    try:
        content = read_first(urls, name)
        hw = _image_hw(sides_hw, content, name)
    except Error as error:
        yield Unread.from_error(name, error)
        return
    masks: list[RLE] = []
    groups: list[str | None] = []
    lost, lost_polygons = Tally(), Tally()
    for annotation in annotations:
        try:
            found = segmentation.read(annotation.segmentation, hw)
        except SegmentationError as error:
            is_box = error.reason == segmentation.NO_MASK and annotation.bbox
            lost.add(ONLY_A_BOX if is_box else error.reason, annotation.label, error.detail)
            continue
        if not found.area_px:
            lost.add(NO_PIXEL, annotation.label)
            continue
        masks.append(found.mask)
        groups.append(annotation.group)
        for polygon in found.lost:
            lost_polygons.add(polygon.reason, annotation.label, polygon.detail)
    if not masks:
        lines = "; ".join(line for line, _ in lost.lines())
        yield Unread(name, f"has no annotation with a mask: {lines}")
        return
    yield Sample(name, content, tuple(masks), tuple(groups))
    yield from lost.notes(name)
    for line, _ in lost_polygons.lines("a part of annotation"):
        yield LeftOut(name, line)


def _image_hw(sides_hw: SidesHW, content: bytes, name: str) -> tuple[int, int]:
    """The size of an image by the file; what that does not say, by the image. Raises ``Error``."""
    height, width = sides_hw
    if height is not None and width is not None:
        return height, width
    own = decode_image(content, name).shape[:2]
    if any(side not in (None, its) for side, its in zip(sides_hw, own)):
        raise ImageError(
            f"{name} is {own[1]}×{own[0]} (width×height), but {width}×{height} by the file"
        )
    return own[0], own[1]


def read_first(urls: Sequence[str], name: str) -> bytes:
    """The bytes of the first file that can be read. Raises ``ImageError``."""
    for url in urls[:-1]:
        try:
            return read_file(url, name)
        except ImageError:
            continue
    return read_file(urls[-1], name)
