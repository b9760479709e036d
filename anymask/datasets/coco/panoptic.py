"""Panoptic COCO: a picture of segment ids for each image, and what each segment is.

Kirillov et al., Panoptic Segmentation (arXiv 1801.00868). An id is R + 256 G + 65536 B; things
(``isthing`` 1) are objects, stuff is not, and the id 0 is of pixels that nobody decided about.

Shape legend: H W pixels.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from anymask.core.rasters.raster import Colour
from anymask.core.rle import RLE
from anymask.datasets.coco import dataset as instances
from anymask.datasets.coco.file import CocoAnnotation, CocoFile, of_document
from anymask.datasets.coco.ids import Id, Ids, is_id
from anymask.datasets.coco.names import NameIndex, file_names
from anymask.datasets.coco.places import Place, says_masks
from anymask.datasets.label_maps import (
    LabelMap,
    label_map_of_picture,
    label_masks,
    read_mask_picture,
)
from anymask.datasets.left_out import Tally
from anymask.datasets.listing import Listing, stem
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import VOID_GROUP, Dataset, Part, Sample
from anymask.errors import DatasetError, Error, clipped

KIND = "COCO panoptic segments"
UNDECIDED = 0
SHIFTS = (0, 8, 16)  # of red, green and blue


@dataclass(frozen=True)
class PanopticFile:
    """A panoptic file: its segments stand as annotations, whose ``segmentation`` is their id.

    pictures: what an image's picture of ids may be called; segments: all ids that are listed of an
    image, be they objects or not.
    """

    file: CocoFile
    pictures: Mapping[Id, tuple[str, ...]]
    segments: Mapping[Id, tuple[Id, ...]]


def is_panoptic(document: Any) -> bool:
    """Whether a JSON file lists segments of pictures."""
    entries = document.get("annotations") if isinstance(document, dict) else None
    return isinstance(entries, list) and any(
        isinstance(entry, dict) and isinstance(entry.get("segments_info"), list)
        for entry in entries
    )


def load(document: dict[str, Any], location: str, crowds: str | None = None) -> PanopticFile:
    """The file of a document that is panoptic. Raises ``RecordError``."""
    stuff = _stuff(document)
    stuff_ids, left_out, lost = Ids(stuff), Counter[str](), Tally()
    segments: dict[Id, tuple[Id, ...]] = {}
    pictures: dict[Id, tuple[str, ...]] = {}
    annotations: list[Any] = []
    images = document.get("images")
    image_ids = Ids(
        entry["id"]
        for entry in (images if isinstance(images, list) else [])
        if isinstance(entry, dict) and is_id(entry.get("id"))
    )
    for entry in document["annotations"]:
        infos = entry.get("segments_info") if isinstance(entry, dict) else None
        if not isinstance(infos, list):
            annotations.append(entry)
            continue
        image_id = image_ids.match(entry.get("image_id"))
        if image_id is not None:
            listed = (info.get("id") for info in infos if isinstance(info, dict))
            segments[image_id] = tuple(filter(is_id, listed))
            pictures[image_id] = file_names(entry)
        for number, info in enumerate(infos):
            if not isinstance(info, dict):
                where = f"number {number} of image {clipped(entry.get('image_id'))}"
                lost.add("it is no entry of a segment", where, clipped(info))
                continue
            category_id = stuff_ids.match(info.get("category_id"))
            if category_id is not None:
                left_out[stuff[category_id]] += 1
                continue
            segment = {**info, "image_id": entry.get("image_id"), "segmentation": [info.get("id")]}
            annotations.append(segment)
    file = of_document({**document, "annotations": annotations}, location, crowds)
    count = left_out.total()
    names = ", ".join(sorted(left_out)[:3]) + ", …" * (len(left_out) > 3)
    note = (
        f"{count} of its panoptic segments are left out: they are of stuff, isthing 0 by its "
        f"categories ({names})"
    )
    name = posixpath.basename(location)
    notes = [*file.notes, *lost.notes(name, "segment")]
    notes += [LeftOut(name, note, count)] if count else []
    return PanopticFile(replace(file, notes=tuple(notes)), pictures, segments)


def place_pictures(file: PanopticFile, files: Listing, annotations: str) -> dict[Id, list[str]]:
    """The URLs at which each image's picture of ids may lie.

    files: where the JSON file lies, of the name ``annotations``. COCO has the pictures beside it,
    in a folder of its name.
    """
    folder = stem(annotations)
    in_mask_folders = NameIndex((path, path) for path in files.paths if says_masks(path))
    anywhere = NameIndex((path, path) for path in files.paths)
    places: dict[Id, list[str]] = {}
    for image_id, names in file.pictures.items():
        expected = [f"{folder}/{name}" for name in names]
        known = [path for path in expected if path in files.paths]
        near = known or in_mask_folders.nearest(expected) or anywhere.nearest(expected)
        beside = [posixpath.join(posixpath.dirname(annotations), name) for name in names]
        places[image_id] = [files.folder_url(path) for path in near or [*expected, *beside]]
    return places


def dataset(
    file: PanopticFile,
    places: Sequence[Place],
    url: Callable[[str], str],
    pictures: Mapping[Id, Sequence[str]],
) -> Dataset:
    """A part for each image with things.

    places, url: of the images (``coco.dataset``). pictures: URLs of pictures of ids. Raises
    ``DatasetError``.
    """
    coco = file.file
    if not coco.with_objects:
        raise DatasetError(f"{coco.location} is panoptic and has no segment of a thing")
    parts = instances.parts_of(
        coco.with_objects,
        places,
        lambda image, place: Part(
            place.name,
            partial(
                _read, place.name, tuple(map(url, place.paths)),
                tuple(pictures.get(image.id, ())), coco.objects_of(image),
                file.segments.get(image.id, ()),
            ),
        ),
    )  # fmt: skip
    notes = instances.notes_of(coco, places)
    return Dataset(coco.location, KIND, parts, "", notes, coco.decision.are_objects)


def segment_ids(content: bytes, name: str) -> LabelMap:
    """(H, W) the ids of a picture. Raises ``ImageError``."""
    picture = read_mask_picture(content, name)
    if picture.colour == Colour.grey:
        return label_map_of_picture(picture, name)
    colours = picture.colours(name).astype(np.int64)
    return np.asarray(sum(colours[..., band] << shift for band, shift in enumerate(SHIFTS)))


def _read(
    name: str,
    urls: tuple[str, ...],
    picture_urls: tuple[str, ...],
    segments: tuple[CocoAnnotation, ...],
    listed: tuple[Id, ...],
) -> Iterator[Sample | Unread]:
    if not picture_urls:
        yield Unread(name, "has no picture of segments")
        return
    picture = posixpath.basename(picture_urls[-1])
    try:
        content = instances.read_first(urls, name)
        ids = segment_ids(instances.read_first(picture_urls, f"its picture {picture}"), picture)
    except Error as error:
        yield Unread.from_error(name, error)
        return
    masks = dict(label_masks(ids, void=()))
    known = Ids(masks)
    objects: list[tuple[RLE, str | None]] = []
    lost = Tally()
    for segment in segments:
        mask = masks.get(_whole(known.match(segment.segmentation[0])))
        if mask is None:
            lost.add("it has no pixel", segment.label)
        else:
            objects.append((mask, segment.group))
    strangers = masks.keys() - {_whole(known.match(one)) for one in listed} - {UNDECIDED}
    for stranger in sorted(strangers):
        lost.add("it has pixels, and is not in the file", f"{stranger}")
    if not objects:
        lines = "".join(f": {line}" for line, _ in lost.lines("segment"))
        yield Unread(name, f"has no panoptic segment of a thing{lines}")
        return
    if UNDECIDED in masks and UNDECIDED not in listed:
        objects.append((masks[UNDECIDED], VOID_GROUP))
    all_masks, groups = zip(*objects)
    yield Sample(name, content, all_masks, groups)
    yield from lost.notes(name, "segment")


def _whole(one: Id | None) -> int:
    """An id as a picture has it; -1 for one that no picture has."""
    return one if isinstance(one, int) else -1


def _stuff(document: Mapping[str, Any]) -> dict[Id, str]:
    """The names of the categories that are no things."""
    categories = document.get("categories")
    return {
        entry["id"]: f"{entry.get('name', entry['id'])}"
        for entry in (categories if isinstance(categories, list) else [])
        if isinstance(entry, dict) and is_id(entry.get("id")) and _is_stuff(entry.get("isthing"))
    }


def _is_stuff(isthing: Any) -> bool:
    return isthing is not None and str(isthing).strip().lower() in ("0", "0.0", "false")
