"""Recognise: open a dataset in whichever of the layouts that anymask reads it has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets import mask_pictures, sa1b_dataset
from anymask.datasets.benchmarks import ade20k, cityscapes, clothing, davis, grabcut, ppdls, sbd
from anymask.datasets.coco import layout as coco
from anymask.datasets.coco.crowds import check_choice
from anymask.datasets.labelling import cvat, label_studio, labelme, yolo
from anymask.datasets.listing import Listing, is_image, is_json, list_files
from anymask.datasets.mixing import mixture
from anymask.datasets.sample import Dataset, unreadable
from anymask.errors import DatasetError

Reader = Callable[[Listing], Dataset | None]

FOLDERS_NAMED = 6
EXPECTED = (
    "a COCO file (instances.json) beside images/; images/ and masks/ with a picture of its masks, "
    "or a folder of pictures, of each image's name; images with SA-1B records (.json) of their "
    "names beside them; tar shards of such images and records; labelme's files beside images; an "
    "export of Label Studio (JSON) or CVAT for images (XML); YOLO's labels/ beside images/; DAVIS, "
    "GrabCut, Cityscapes, ADE20K, PPDLS, SBD or Clothing Co-Parsing as they are published; a "
    "mixture, a JSON file that names several of these"
)


def open_dataset(
    location: str | os.PathLike[str],
    *,
    split_regions: bool = False,
    images: str | os.PathLike[str] | None = None,
    void: Sequence[int] | None = None,
    crowds: str | None = None,
    options: ReadOptions = AS_STORED,
) -> Dataset:
    """The dataset in a folder, a COCO file, a shard, a glob of these, or an fsspec URL of any.

    Tried are, in this order, a mixture's file, Label Studio's exports, labelme's and CVAT's files,
    a COCO file, the layouts of some public datasets, mask pictures, SA-1B's records and shards,
    YOLO's labels, and GrabCut's trimaps. Parts are sorted by name, which is the image's path from
    the folder on (of DAVIS, film and frame); what can't be read in it is among them.

    split_regions: whether each region of a value is an object of its own, in pictures where a value
    is a class or all there is.
    images: where the images of annotation files or of GrabCut's trimaps lie, if not beside them.
    void: the values of mask pictures that are no object, if they are not 0, and 255 beside others.
    crowds: what COCO's ``iscrowd`` 1 means: "objects", masks like others, as tools write them, or
    "ignore"; None: decided by the file, and said in the dataset's notes.
    options: the page, bands and values that are looked at in images; of mask pictures with several
    pages, the page is read alone, too.

    Raises ``DatasetError`` where there is none of these, or nothing at all, or an option that it
    has no use for; ``RecordError`` for a COCO file that is none; ``MissingExtraError``.
    """
    check_choice(crowds)
    location, images = os.fspath(location), None if images is None else os.fspath(images)
    files = list_files(location)
    readings = (read(files) for read in _readers(split_regions, images, void, crowds, options.page))
    dataset = next((dataset for dataset in readings if dataset), None)
    if not dataset:
        wanted = _with_options(images, void, crowds)
        raise DatasetError(
            f"{location} is no dataset that anymask knows{wanted}: it has {_contents(files)}. "
            f"Expected is one of: {EXPECTED}"
        )
    closed = [unreadable(folder.name, folder.reason) for folder in files.unread]
    parts = sorted([*dataset.parts, *closed], key=lambda part: part.name)
    whole = replace(dataset, location=location, parts=tuple(parts))
    return whole.with_options(options)


def _readers(
    split_regions: bool,
    images: str | None,
    void: Sequence[int] | None,
    crowds: str | None,
    page: int | None,
) -> Iterator[Reader]:
    """All readers in the order in which they are tried, or those that use an option."""
    image_files = None if images is None else list_files(images)
    read_mask_pictures = partial(
        mask_pictures.read, split_regions=split_regions, void=void, page=page, images=image_files
    )
    if void is not None and crowds is None:
        yield read_mask_pictures
    elif images is not None or crowds is not None:
        if crowds is None:
            yield partial(label_studio.read, images=image_files)
            yield partial(labelme.read, images=image_files)
            yield partial(sa1b_dataset.read_alone, images=image_files)
            yield partial(cvat.read, images=image_files)
        yield partial(coco.read, images=image_files, crowds=crowds)
        if crowds is None:
            yield read_mask_pictures
            yield partial(sa1b_dataset.read, images=image_files)
            yield partial(yolo.read, images=image_files)
            yield partial(grabcut.read, images=image_files)
    else:
        yield partial(mixture.read, open_set=partial(open_dataset, split_regions=split_regions))
        yield from (label_studio.read, labelme.read, sa1b_dataset.read_alone, cvat.read)
        yield from (coco.read, cityscapes.read, ade20k.read, ppdls.read, sbd.read)
        yield from (
            partial(read, split_regions=split_regions) for read in (davis.read, clothing.read)
        )
        yield from (read_mask_pictures, sa1b_dataset.read, yolo.read, grabcut.read)


def _with_options(images: str | None, void: Sequence[int] | None, crowds: str | None) -> str:
    if crowds is not None:
        return " and that may have crowds (COCO)"
    if images is not None and void is None:
        return (
            " and whose images may lie elsewhere (COCO, SA-1B, labelme, Label Studio, CVAT, YOLO, "
            "mask pictures, GrabCut)"
        )
    return "" if void is None else " and that may name its void (mask pictures)"


def _contents(files: Listing) -> str:
    """What lies in a folder, in a few words."""
    if not files.paths:
        closed = "".join(f"; {folder.name} {folder.reason}" for folder in files.unread[:1])
        return f"nothing in it{closed}"
    images, records = sum(map(is_image, files.paths)), sum(map(is_json, files.paths))
    others = len(files.paths) - images - records
    counts = ((images, "images"), (records, "JSON files"), (others, "other files"))
    contents = ", ".join(f"{number} {noun}" for number, noun in counts if number)
    folders = sorted({name.partition("/")[0] for name in files.paths if "/" in name})
    named = ", ".join(folders[:FOLDERS_NAMED]) + ", …" * (len(folders) > FOLDERS_NAMED)
    return contents + (f", in the folders {named}" if folders else "")
