"""COCO dataset: a part for each image of a COCO or LVIS file, with the masks of its annotations.

What is wrong with an annotation takes only that annotation away, and is named beside the sample.

Shape legend: H W pixels.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from anymask.core.image import decode_image
from anymask.core.read_options import ReadOptions
from anymask.core.rle import RLE
from anymask.datasets.coco import segmentation
from anymask.datasets.coco.file import CocoAnnotation, CocoFile, CocoImage, load
from anymask.datasets.coco.places import Place, Places, names_note, place_images
from anymask.datasets.coco.polygons import SegmentationError
from anymask.datasets.left_out import Tally
from anymask.datasets.listing import list_files, read_file
from anymask.datasets.locations import locate, url_of
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import (
    NO_DETAIL,
    Dataset,
    Detail,
    Part,
    Sample,
    missing_image,
    unreadable,
)
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
    parts = parts_of(
        file.with_objects,
        places,
        lambda image, place: Part(
            place.name,
            partial(
                _read, place.name, tuple(map(url, place.paths)), image.sides_hw,
                file.objects_of(image), image.state, ReadOptions(page=place.page),
            ),
            image.label,
        ),
    )  # fmt: skip
    takes_crowds = any(one.is_marked for image in file.with_objects for one in image.annotations)
    takes_crowds &= file.decision.are_objects
    return Dataset(
        file.location,
        WITH_CROWDS if takes_crowds else KIND,
        parts,
        file.location,
        notes_of(file, places),
        file.decision.are_objects,
    )


def several_files(place: Place) -> str:
    """What is wrong with an image that may be one of several files."""
    others = ", ".join([place.name, *place.others])
    return f"is the name of several files: {others}; give the folder that is meant (--images)"


def parts_of(
    images: Sequence[CocoImage],
    places: Sequence[Place],
    part_of: Callable[[CocoImage, Place], Part],
) -> tuple[Part, ...]:
    """A part for each image, by name; it is unreadable where it is not certain which file it is."""
    parts: dict[str, Part] = {}
    for image, place in zip(images, places):
        if image.fault:
            part = unreadable(place.name if image.paths else image.label, image.fault)
        elif place.others:
            part = unreadable(image.label, several_files(place))
        elif not place.is_there:
            part = missing_image(place.name, "is not there")
        elif place.is_taken:
            part = unreadable(image.label, f"would be {place.name}, which another image is")
        else:
            part = part_of(image, place)
        is_known = part.name in parts
        parts[part.name] = unreadable(part.name, "is in the file twice") if is_known else part
    return tuple(parts[name] for name in sorted(parts))


def notes_of(file: CocoFile, places: Sequence[Place]) -> tuple[LeftOut, ...]:
    """What is to be said of a file, and of where its images are."""
    note = names_note(places)
    return (*file.notes, LeftOut(posixpath.basename(file.location), note)) if note else file.notes


def _read(
    name: str,
    urls: tuple[str, ...],
    sides_hw: SidesHW,
    annotations: tuple[CocoAnnotation, ...],
    state: str | None,
    options: ReadOptions,
) -> Iterator[Sample | Unread]:
    try:
        content = read_first(urls, name)
        hw = _image_hw(sides_hw, content, name, options)
    except Error as error:
        yield Unread.from_error(name, error)
        return
    masks: list[RLE] = []
    groups: list[str | None] = []
    details: list[Detail] = []
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
        details.append(annotation.detail)
        for polygon in found.lost:
            lost_polygons.add(polygon.reason, annotation.label, polygon.detail)
    if not masks:
        lines = "; ".join(line for line, _ in lost.lines())
        yield Unread(name, f"has no annotation with a mask: {lines}")
        return
    has_details = any(detail is not NO_DETAIL for detail in details)
    kept = tuple(details) if has_details else ()
    yield Sample(name, content, tuple(masks), tuple(groups), options, kept, state)
    yield from lost.notes(name)
    for line, _ in lost_polygons.lines("a part of annotation"):
        yield LeftOut(name, line)


def _image_hw(
    sides_hw: SidesHW, content: bytes, name: str, options: ReadOptions
) -> tuple[int, int]:
    """The size of an image by the file; what that does not say, by the image. Raises ``Error``."""
    height, width = sides_hw
    if height is not None and width is not None:
        return height, width
    own = decode_image(content, name, options=options).shape[:2]
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
