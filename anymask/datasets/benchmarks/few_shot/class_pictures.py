"""Class pictures: images beside pictures whose values are classes, 255 where nobody decided.

Shape legend: H W pixels.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from anymask.datasets.label_maps import (
    Object,
    label_map_of_picture,
    label_masks,
    read_mask_picture,
)
from anymask.datasets.listing import Listing, read_file
from anymask.datasets.pairs import part_of
from anymask.datasets.sample import VOID_GROUP, Part
from anymask.errors import Error

VOID = 255

Classed = dict[str, list[Part]]  # the images that show a class, by its value in words


def objects_of(content: bytes, name: str) -> list[Object]:
    """The region of each class in a picture, its group the class's value. Raises ``ImageError``."""
    labels = label_map_of_picture(read_mask_picture(content, name), name)
    return [
        (mask, VOID_GROUP if value == VOID else str(value)) for value, mask in label_masks(labels)
    ]


def pairs(
    files: Listing, image: re.Pattern[str], truth: re.Pattern[str]
) -> dict[str, tuple[str, str]]:
    """Image and picture by what the groups of both patterns have in common, the file's stem."""
    images = {match[1]: name for name in files.paths if (match := image.fullmatch(name))}
    truths = {match[1]: name for name in files.paths if (match := truth.fullmatch(name))}
    return {stem: (images[stem], truths[stem]) for stem in sorted(images.keys() & truths.keys())}


def classed(
    files: Listing, paired: Mapping[str, tuple[str, str]], stems: Iterable[str]
) -> tuple[Classed, list[str]]:
    """Those images by the classes that their pictures show, and the names of broken pictures."""
    by_class: Classed = defaultdict(list)
    broken: list[str] = []
    for stem in stems:
        image, truth = paired[stem]
        try:
            objects = objects_of(read_file(files.url(truth), truth), truth)
        except Error:
            broken.append(truth)
            continue
        part = part_of(files, image, (truth,), objects_of)
        for _, group in objects:
            if group is not None and group is not VOID_GROUP:
                by_class[group].append(part)
    return by_class, broken


def lines_of(files: Listing, ends: Collection[str]) -> list[str] | None:
    """The lines of the first list whose path ends so; None where there is none."""
    for end in ends:
        for name in files.paths:
            if name == end or name.endswith(f"/{end}"):
                text = read_file(files.url(name), name).decode(errors="replace")
                return [line.strip() for line in text.splitlines() if line.strip()]
    return None
