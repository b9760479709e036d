"""Groups: a table that says of masks which value of an attribute they have.

``image`` and, if not all masks of the image are meant, ``mask`` (its number in the sample, from 0);
each further column is an attribute, an empty cell a value that is not known:

    image,mask,gender_presentation,age_group
    kitchen.jpg,0,feminine,older
    kitchen.jpg,3,masculine,
    street.jpg,,,young
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from anymask.datasets.csv_table import columns_of, missing, read_table
from anymask.datasets.sample import Sample
from anymask.errors import DatasetError

IMAGE, MASK = "image", "mask"
GROUP = "group"  # the attribute where there is no table: what the dataset calls a mask
EXPECTED = "image, optionally mask, and a column for each attribute"

Attributes = Mapping[str, str]  # from attribute to value, the known ones


@dataclass(frozen=True)
class GroupTable:
    """What is known of masks.

    images: by the image's name in the table, then by the number of the mask or, for all of its
    masks, None. sha256: of the file.
    """

    images: Mapping[str, Mapping[int | None, Attributes]]
    sha256: str

    def attributes_of(self, sample: Sample) -> tuple[dict[int, Attributes], list[int]]:
        """By the numbers of a sample's masks; and the numbers that it does not have.

        What is said of a mask goes before what is said of all masks of its image.
        """
        entries = next(
            (self.images[name] for name in _names(sample.name) if name in self.images), {}
        )
        common = entries.get(None, {})
        there = range(len(sample.masks))
        of_masks = {
            number: {**common, **entries.get(number, {})}
            for number in there
            if common or number in entries
        }
        beyond = sorted(number for number in entries if number is not None and number not in there)
        return {number: known for number, known in of_masks.items() if known}, beyond

    def images_beyond(self, names: Collection[str]) -> list[str]:
        """The table's images that are none of these samples, sorted."""
        met = {name for sample in names for name in _names(sample)}
        return sorted(set(self.images) - met)


def read_groups(path: Path) -> GroupTable:
    """Read a table of groups.

    An image is named as the dataset names it or, where that tells it from others, by its file's
    name without folders or without its ending, too. Raises ``DatasetError`` for a table that can't
    be read, lacks a column, has a mask that is no number, or says two things of one mask.
    """
    columns = columns_of(path)
    if IMAGE not in columns or not set(columns) - {IMAGE, MASK}:
        raise missing(path, columns, EXPECTED)
    images: dict[str, dict[int | None, dict[str, str]]] = {}
    for line, cells in read_table(path):
        if not cells[IMAGE]:
            raise DatasetError(f"{path}, line {line}, names no image")
        number = _number(path, line, cells.get(MASK, ""))
        known = images.setdefault(cells[IMAGE], {}).setdefault(number, {})
        for attribute, value in cells.items():
            if attribute in (IMAGE, MASK) or not value:
                continue
            if known.setdefault(attribute, value) != value:
                raise DatasetError(
                    f"{path}, line {line}, says that the {attribute} of {cells[IMAGE]}"
                    f"{'' if number is None else f', mask {number},'} is {value!r}, "
                    f"and a line before that it is {known[attribute]!r}"
                )
    if not images:
        raise DatasetError(f"{path} has no row below its names of columns")
    return GroupTable(images, hashlib.sha256(path.read_bytes()).hexdigest())


def _number(path: Path, line: int, cell: str) -> int | None:
    if not cell:
        return None
    if not (cell.isascii() and cell.isdigit()):
        raise DatasetError(
            f"{path}, line {line}: the mask {cell!r} is no number of a mask, counted from 0"
        )
    return int(cell)


def _names(sample: str) -> Iterator[str]:
    """What a table may call a sample, the surest first."""
    yield sample
    yield posixpath.basename(sample)
    yield posixpath.splitext(posixpath.basename(sample))[0]
