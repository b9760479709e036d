"""YOLO-seg: a text file for each image, ``labels/NAME.txt`` for ``images/NAME.jpg``, or beside it.

A line is an object: the number of its class and the corners of one ring, in shares of the image's
sides. What other programs fill, too, is filled: a ring is rasterised as COCO's are. Lines of four
numbers are boxes, and have no mask.

Shape legend: H W pixels.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import partial

from anymask.core.image import read_size
from anymask.core.rle import RLE
from anymask.datasets.coco.names import normal
from anymask.datasets.labelling.numbers import number_of, whole_number_of
from anymask.datasets.labelling.objects import Objects
from anymask.datasets.labelling.shapes import enclosed_polygon
from anymask.datasets.labelling.yolo_names import LISTS, class_names, is_data, is_yaml
from anymask.datasets.listing import Listing, is_image, list_files, read_file, read_start, stem
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, missing_image, unreadable
from anymask.errors import DatasetError, Error, RecordError, clipped

KIND = "YOLO labels"
IMAGES, LABELS = "images", "labels"
FILES_TRIED = 16
START_BYTES = 4096
NUMBER = rb"[ \t]+-?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"
LINE = re.compile(rb"\s*[0-9]+(?:" + NUMBER + rb"){4}")
BOX_NUMBERS, LEAST_NUMBERS = 4, 6
SLACK = 0.01  # of a side, by which rounding leads out of the image
NEAR_CORNER_PX = 1e-3  # what so near a corner of pixels lies on it; rounding moved it


def read(files: Listing, images: Listing | None = None) -> Dataset | None:
    """The images of YOLO's label files, and those beside them that have none; None without any.

    The folder of a ``data.yaml`` may be named by that file. images: where the images lie, if not
    among the files. Raises ``DatasetError`` where no image is there, or names of classes disagree.
    """
    files = _around_data(files)
    labels = [name for name in files.paths if _may_be_labels(name)]
    step = max(len(labels) // FILES_TRIED, 1)
    if not any(LINE.match(read_start(files.url(name), START_BYTES)) for name in labels[::step]):
        return None
    among = images or files
    photographs = [name for name in among.paths if is_image(name)]
    index = _Stems(photographs)
    names = class_names(files)
    parts: dict[str, Part] = {}
    for label in labels:
        known = index.images_of(label)
        if len(known) == 1:
            place = known[0], among.url(known[0])
            part = Part(known[0], partial(_read, *place, label, files.url(label), names), label)
        elif known:
            part = unreadable(label, f"is of one of several images: {', '.join(known[:3])}")
        else:
            part = missing_image(label, "is of an image that is not there")
        if part.name in parts:
            part = unreadable(label, f"is another label file of {part.name}: passed over")
        parts[part.name] = part
    if parts.keys().isdisjoint(photographs):
        raise DatasetError(
            f"none of the images of {files.location} is there: it has {labels[0]}; give their "
            f"folder as images (--images)"
        )
    if images is None:
        alone = (name for name in photographs if name not in parts)
        parts |= {name: unreadable(name, "has no label file") for name in alone}
    return Dataset(files.location, KIND, tuple(parts[name] for name in sorted(parts)))


def objects_of(text: str, hw: tuple[int, int], names: Mapping[int, str]) -> Objects:
    """The objects of a label file of an (H, W) image. names: of classes, which are groups."""
    objects = Objects()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        which = f"line {number}"
        try:
            kind = whole_number_of(words[0])
            if kind is None or kind < 0:
                raise RecordError(f"its class is {clipped(words[0])}")
            objects.add(which, _mask(words[1:], hw), names.get(kind, str(kind)))
        except Error as error:
            objects.lost.add(str(error), which)
    return objects


class _Stems:
    """Images by their names without endings, whole, and the ends of these."""

    def __init__(self, images: list[str]) -> None:
        self._whole: dict[str, list[str]] = {}
        self._ends: dict[str, list[str]] = {}
        for image in images:
            name = normal(stem(image))
            self._whole.setdefault(name, []).append(image)
            for end in _ends(name):
                self._ends.setdefault(end, []).append(image)

    def images_of(self, label: str) -> list[str]:
        """What a label file may be of: in ``images`` for ``labels``, beside it, or elsewhere.

        Where images lie apart, the folders within ``labels`` are theirs.
        """
        name = normal(stem(label))
        parts = name.split("/")
        swapped = inside = name
        if LABELS in parts[:-1]:
            last = len(parts) - 2 - parts[-2::-1].index(LABELS)
            inside = "/".join(parts[last + 1 :])
            swapped = "/".join([*parts[:last], IMAGES, inside])
        for key in (swapped, name, inside):
            if key in self._whole:
                return self._whole[key]
        return next((self._ends[end] for end in _ends(swapped) if end in self._ends), [])


def _ends(name: str) -> Iterator[str]:
    """A path, and the same without its first folders, the longest first."""
    parts = name.split("/")
    return ("/".join(parts[start:]) for start in range(len(parts)))


def _around_data(files: Listing) -> Listing:
    """The folder of a ``data.yaml`` that is named itself."""
    if len(files.paths) != 1:
        return files
    (name,) = files.paths
    if is_yaml(name) and is_data(read_start(files.url(name), 1 << 16)):
        return list_files(files.folder_url(""))
    return files


def _may_be_labels(name: str) -> bool:
    base = posixpath.basename(name).lower()
    return base.endswith(".txt") and base not in LISTS


def _read(
    image: str, url: str, name: str, label_url: str, names: Mapping[int, str]
) -> Iterator[Sample | Unread]:
    try:
        content = read_file(url, image)
        text = read_file(label_url, name).decode("utf-8-sig", "replace")
        objects = objects_of(text, read_size(content, image), names)
    except Error as error:
        yield Unread.from_error(image, error)
        return
    yield from objects.samples(image, content)


def _mask(words: list[str], hw: tuple[int, int]) -> RLE:
    """Raises ``Error``, with a reason that stands after a colon."""
    shares = [share for share in map(number_of, words) if share is not None]
    if len(shares) < len(words):
        raise RecordError(f"its corners are {clipped(' '.join(words))}")
    if len(shares) == BOX_NUMBERS:
        raise RecordError("a box has no mask")
    if len(shares) < LEAST_NUMBERS or len(shares) % 2:
        raise RecordError(f"a ring is not made of {len(shares)} numbers")
    if min(shares) < -SLACK or max(shares) > 1 + SLACK:
        raise RecordError("its corners are no shares of the sides, between 0 and 1")
    height, width = hw
    points = [(x * width, y * height) for x, y in zip(shares[::2], shares[1::2])]
    return enclosed_polygon([(_on_corner(x), _on_corner(y)) for x, y in points], hw)


def _on_corner(place: float) -> float:
    return float(round(place)) if abs(place - round(place)) < NEAR_CORNER_PX else place
