"""Layout: which JSON file of a folder is COCO's, and where the images are that it names."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from anymask.core.image import decode_image
from anymask.datasets.coco import dataset as instances
from anymask.datasets.coco import panoptic
from anymask.datasets.coco.file import CocoFile, of_document, read_document
from anymask.datasets.coco.places import (
    IMAGES,
    Place,
    Places,
    images_folder,
    place_images,
)
from anymask.datasets.listing import Listing, is_image, is_json, read_file, stem
from anymask.datasets.locations import is_hidden, locate
from anymask.datasets.sample import Dataset
from anymask.errors import DatasetError, Error

COCO_FILE = "instances.json"
ANNOTATIONS = "annotations"
MARKS = (b'"images"', b'"annotations"')
MARKS_OF_MASKS = (b'"segmentation"', b'"segments_info"')
INSTANCES = "instances"
OTHER_KINDS = ("captions", "image_info", "keypoints", "panoptic", "person_keypoints", "stuff")
NAMES_BELOW = (COCO_FILE, "_annotations.coco.json")  # Roboflow's, one for each split
MOST_JSON_FILES_TRIED = 16  # where there are more, each is of one image


def read(
    files: Listing, images: Listing | None = None, crowds: str | None = None
) -> Dataset | None:
    """The dataset of the COCO file among files; None where there is none.

    images: where else its images lie. crowds: ``crowds.decide``. Raises ``DatasetError`` where
    there are several such files, or none of its images; ``RecordError`` for one that is none.
    """
    is_alone = len(files.paths) == 1 and all(map(is_json, files.paths))
    name = next(iter(files.paths)) if is_alone else _coco_name(files)
    if name is None:
        return None
    document = read_document(files.url(name))
    root = (images or files).root
    if is_alone and images is None:
        root = posixpath.dirname(root) if posixpath.basename(root) == ANNOTATIONS else root
        places, folders = _places_around(files, root)
    else:
        paths = (images or files).paths
        places, folders = Places(lambda: paths), sorted(_folders_among(paths))
    found_by = (images or files).location
    url = instances.urls_below(found_by, root)
    if panoptic.is_panoptic(document):
        file = panoptic.load(document, files.url(name), crowds)
        pictures = panoptic.place_pictures(file, files, name)
        return panoptic.dataset(file, _placed(file.file, folders, places, url), url, pictures)
    coco_file = of_document(document, files.url(name), crowds)
    return instances.dataset(coco_file, _placed(coco_file, folders, places, url), url)


def _placed(
    file: CocoFile, folders: Iterable[str], places: Places, url: Callable[[str], str]
) -> list[Place]:
    """Where the images lie. Raises ``DatasetError`` where that is nowhere, or not certain."""
    if not file.with_objects:
        return []
    folder = images_folder(file, folders, places, lambda path: _size_of(url(path)))
    if folder is not None:
        return place_images(file.with_objects, places, *folder)
    first = next((one for one in file.with_objects if one.paths), file.with_objects[0])
    raise DatasetError(
        f"the images of {file.location} lie neither in images/, beside it, nor in a folder there: "
        f"it names {next(iter(first.paths), 'none')}; give their folder as images (--images)"
    )


def _coco_name(files: Listing) -> str | None:
    """The COCO file of a folder. Raises ``DatasetError`` where there are several."""
    image_stems = {stem(name) for name in files.paths if is_image(name)}
    candidates = [name for name in files.paths if is_json(name) and stem(name) not in image_stems]
    near = [name for name in candidates if posixpath.dirname(name) in ("", ANNOTATIONS)]
    below = [name for name in candidates if posixpath.basename(name) in NAMES_BELOW]
    names = _coco_files(files, near) or _coco_files(files, below)
    if len(names) > 1:
        raise DatasetError(
            f"{files.location} has several COCO files: name one, {', '.join(names)}, as data in "
            f"place of the folder"
        )
    return names[0] if names else None


def _coco_files(files: Listing, candidates: Sequence[str]) -> list[str]:
    """Those of several JSON files that are COCO's, and may be meant by who names their folder."""
    of_name = [name for name in candidates if posixpath.basename(name).startswith(INSTANCES)]
    tried = candidates if len(candidates) <= MOST_JSON_FILES_TRIED else of_name
    if COCO_FILE in tried and (len(tried) == 1 or len(tried) > MOST_JSON_FILES_TRIED):
        return [COCO_FILE]
    if len(tried) > MOST_JSON_FILES_TRIED:
        return []
    marks = {name: _marks(files, name) for name in tried}
    names = [name for name in tried if marks[name].issuperset(MARKS)]
    names = [name for name in names if not marks[name].isdisjoint(MARKS_OF_MASKS)] or names
    if any(name in of_name for name in names):
        # COCO publishes the same images' key points and panoptic segments beside their instances.
        names = [one for one in names if not posixpath.basename(one).startswith(OTHER_KINDS)]
    return names or [COCO_FILE] * (COCO_FILE in tried)


def _marks(files: Listing, name: str) -> set[bytes]:
    """Which of the words that tell what a file holds are in it."""
    try:
        content = read_file(files.url(name), name)
    except Error:
        return set()
    return {mark for mark in (*MARKS, *MARKS_OF_MASKS) if mark in content}


def _places_around(files: Listing, root: str) -> tuple[Places, list[str]]:
    """Where images of a COCO file that is named itself are sought, and the folders there.

    What lies around it is not searched, only listed, and only if names are not found as they are.
    """
    fs, _ = locate(files.location)
    folders = [
        path.removeprefix(root).strip("/")
        for parent in (root, posixpath.join(root, IMAGES))
        for path, kind in _listed(fs, parent)
        if kind != "file"
    ]

    def names() -> Iterator[str]:
        for folder in dict.fromkeys([IMAGES, "", *folders]):
            for path, kind in _listed(fs, posixpath.join(root, folder)):
                if kind == "file":
                    yield path.removeprefix(root).strip("/")

    @cache
    def holds(path: str) -> bool:
        return bool(fs.exists(posixpath.join(root, path)))

    return Places(lambda: frozenset(names()), holds), folders


def _listed(fs: Any, parent: str) -> list[tuple[str, str]]:
    """Path and type of what lies in a folder and is visible; nothing where that can't be listed."""
    try:
        entries = fs.ls(parent, detail=True)
    except Exception:  # every file system has errors of its own, and many web servers no lists
        return []
    paths = ((str(entry["name"]), str(entry["type"])) for entry in entries)
    return [(path, kind) for path, kind in paths if not is_hidden(posixpath.basename(path))]


def _folders_among(names: Iterable[str]) -> set[str]:
    """All folders that files lie in, at whatever depth."""
    folders = {posixpath.dirname(name) for name in names}
    above: set[str] = set()
    for folder in folders:
        while folder := posixpath.dirname(folder):
            above.add(folder)
    return folders | above


def _size_of(url: str) -> tuple[int, int] | None:
    """(H, W) of an image file; None if it can't be read."""
    try:
        height, width = decode_image(read_file(url, url), url).shape[:2]
    except Error:
        return None
    return height, width
