"""Recognise: open a dataset in whichever of the layouts that anymask reads it has."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets import coco, mask_pictures, sa1b_dataset
from anymask.datasets.benchmarks import ade20k, cityscapes, clothing, davis, grabcut, ppdls, sbd
from anymask.datasets.coco import CocoFile
from anymask.datasets.listing import Listing, is_image, is_json, list_files, read_file, stem
from anymask.datasets.locations import locate, url_of
from anymask.datasets.sample import Dataset, unreadable
from anymask.errors import DatasetError, Error

Reader = Callable[[Listing], Dataset | None]

COCO_FILE = "instances.json"
ANNOTATIONS = "annotations"
IMAGES = "images"
MARKS = (b'"images"', b'"annotations"')
MOST_JSON_FILES_TRIED = 16  # where there are more, each is of one image
IMAGES_TRIED = 100
FOLDERS_NAMED = 6
EXPECTED = (
    "a COCO file (instances.json) beside images/; images/ and masks/ with a picture of its masks, "
    "or a folder of pictures, of each image's name; images with SA-1B records (.json) of their "
    "names beside them; tar shards of such images and records; DAVIS, GrabCut, Cityscapes, ADE20K, "
    "PPDLS, SBD or Clothing Co-Parsing as they are published"
)


def open_dataset(
    location: str,
    *,
    split_regions: bool = False,
    images: str | None = None,
    void: Sequence[int] | None = None,
    options: ReadOptions = AS_STORED,
) -> Dataset:
    """The dataset in a folder, a COCO file, a shard, a glob of these, or an fsspec URL of any.

    Tried are, in this order, a COCO file, the layouts of some public datasets, mask pictures,
    SA-1B's records and shards, and GrabCut's trimaps. Parts are sorted by name, which is the
    image's path from the folder on (of DAVIS, film and frame); what can't be read in it is among
    them.

    split_regions: whether each region of a value is an object of its own, in pictures where a value
    is a class or all there is.
    images: where the images of a COCO file or of GrabCut's trimaps lie, if not beside them.
    void: the values of mask pictures that are no object, if they are not 0, and 255 beside others.
    options: the page, bands and values that are looked at in images; of mask pictures with several
    pages, the page is read alone, too.

    Raises ``DatasetError`` where there is none of these, or nothing at all, or an option that it
    has no use for; ``RecordError`` for a COCO file that is none; ``MissingExtraError``.
    """
    files = list_files(location)
    readings = (read(files) for read in _readers(split_regions, images, void, options.page))
    dataset = next((dataset for dataset in readings if dataset), None)
    if not dataset:
        raise DatasetError(
            f"{location} is no dataset that anymask knows{_with_options(images, void)}: it has "
            f"{_contents(files)}. Expected is one of: {EXPECTED}"
        )
    closed = [unreadable(folder.name, folder.reason) for folder in files.unread]
    parts = sorted([*dataset.parts, *closed], key=lambda part: part.name)
    whole = replace(dataset, location=location, parts=tuple(parts))
    return whole.with_options(options)


def _readers(
    split_regions: bool, images: str | None, void: Sequence[int] | None, page: int | None
) -> Iterator[Reader]:
    """All readers in the order in which they are tried, or those that use an option."""
    read_mask_pictures = partial(
        mask_pictures.read, split_regions=split_regions, void=void, page=page
    )
    if images is not None:
        image_files = list_files(images)
        yield partial(_coco, images=image_files)
        yield partial(grabcut.read, images=image_files)
    elif void is not None:
        yield read_mask_pictures
    else:
        yield from (_coco, cityscapes.read, ade20k.read, ppdls.read, sbd.read)
        yield from (
            partial(read, split_regions=split_regions) for read in (davis.read, clothing.read)
        )
        yield from (read_mask_pictures, sa1b_dataset.read, grabcut.read)


def _with_options(images: str | None, void: Sequence[int] | None) -> str:
    if images is not None:
        return " and whose images may lie elsewhere (COCO, GrabCut)"
    return "" if void is None else " and that may name its void (mask pictures)"


def _coco(files: Listing, images: Listing | None = None) -> Dataset | None:
    is_alone = len(files.paths) == 1 and all(map(is_json, files.paths))
    if is_alone and images is None:
        return _coco_alone(files)
    name = next(iter(files.paths)) if is_alone else _coco_name(files)
    if name is None:
        return None
    file, images = coco.load(files.url(name)), images or files
    folder = _images_folder(
        file, _by_likelihood(_folders_among(images.paths), name), images.paths.__contains__
    )
    return coco.dataset(file, images.folder_url(folder), _prefix(folder))


def _coco_name(files: Listing) -> str | None:
    """The COCO file of a folder. Raises ``DatasetError`` where there are several."""
    if COCO_FILE in files.paths:
        return COCO_FILE
    image_stems = {stem(name) for name in files.paths if is_image(name)}
    near = [
        name
        for name in files.paths
        if is_json(name)
        and posixpath.dirname(name) in ("", ANNOTATIONS)
        and stem(name) not in image_stems
    ]
    likely = [name for name in near if posixpath.basename(name).startswith("instances")] or near
    if len(likely) > MOST_JSON_FILES_TRIED:
        return None
    names = [name for name in likely if _has_marks(files, name)]
    if len(names) > 1:
        raise DatasetError(f"{files.location} has several COCO files: name one, {', '.join(names)}")
    return names[0] if names else None


def _has_marks(files: Listing, name: str) -> bool:
    try:
        content = read_file(files.url(name), name)
    except Error:
        return False
    return all(mark in content for mark in MARKS)


def _coco_alone(files: Listing) -> Dataset:
    """A COCO file that is named itself; what lies around it is not searched."""
    (name,) = files.paths
    file = coco.load(files.url(name))
    fs, _ = locate(files.location)
    in_annotations = posixpath.basename(files.root) == ANNOTATIONS
    root = posixpath.dirname(files.root) if in_annotations else files.root
    folders = [
        path.removeprefix(root).strip("/")
        for parent in (root, posixpath.join(root, IMAGES))
        for path in _folders_in(fs, parent)
    ]
    folder = _images_folder(
        file, _by_likelihood(folders, name), lambda path: fs.exists(posixpath.join(root, path))
    )
    images = url_of(fs, posixpath.join(root, folder).rstrip("/"), files.location)
    return coco.dataset(file, images, _prefix(folder))


def _folders_in(fs: Any, parent: str) -> list[str]:
    try:
        return [entry["name"] for entry in fs.ls(parent, detail=True) if entry["type"] != "file"]
    except Exception:  # every file system has errors of its own, and many web servers no lists
        return []


def _folders_among(names: Iterable[str]) -> set[str]:
    """All folders that files lie in, at whatever depth."""
    folders = {posixpath.dirname(name) for name in names}
    above: set[str] = set()
    for folder in folders:
        while folder := posixpath.dirname(folder):
            above.add(folder)
    return folders | above


def _by_likelihood(folders: Iterable[str], annotations: str) -> list[str]:
    """``images``, the top, those that the COCO file's name has in it (``val2017``), the rest."""
    others = sorted(set(folders) - {IMAGES, ""}, key=lambda folder: (folder.count("/"), folder))
    named = [path for path in others if posixpath.basename(path) in posixpath.basename(annotations)]
    return [IMAGES, "", *named, *(path for path in others if path not in named)]


def _images_folder(file: CocoFile, folders: Sequence[str], holds: Callable[[str], bool]) -> str:
    """The folder where most of about ``IMAGES_TRIED`` images lie. Raises ``DatasetError``.

    folders: to be tried, the likeliest first. holds: whether a file of a path is there.
    """
    step = max(len(file.images) // IMAGES_TRIED, 1)
    tried = [coco.file_names(image) for image in file.images[::step]]
    most, best = 0, ""
    if not tried:
        return best
    for folder in folders:
        hits = sum(any(holds(_prefix(folder) + name) for name in names) for names in tried)
        if hits > most:
            most, best = hits, folder
        if most == len(tried):
            break
    if not most:
        raise DatasetError(
            f"the images of {file.location} lie neither in images/, beside it, nor in a folder "
            f"there: it names {next(iter(tried[0]), 'none')}; give their folder as images "
            f"(--images)"
        )
    return best


def _prefix(folder: str) -> str:
    return f"{folder}/" if folder else ""


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
