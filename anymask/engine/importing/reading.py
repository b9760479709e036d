"""Reading: datasets of any format as images with masks for a store, one image at a time.

Shape legend: H W pixels.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from anymask.core import rle
from anymask.core.image import as_upright, read_size
from anymask.core.rle import RLE
from anymask.datasets import mask_pictures
from anymask.datasets.listing import stem
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import NO_DETAIL, VOID_GROUP, Dataset, Part, Sample
from anymask.datasets.writing.pictures import CLASSES, VOID
from anymask.engine.importing.report import ImportReport
from anymask.engine.store.log.imports import GivenImage, GivenMask
from anymask.errors import Error

UNDECIDED = "undecided pixels, which are no object"
NUMBERS_ALONE = (
    "the numbers in pictures of masks tell masks apart and are no labels; a file classes.csv "
    "(number,colour,name) beside masks/ makes them labels"
)


@dataclass(frozen=True)
class MaskFiles:
    """A dataset whose masks are wanted. classes: their names by number, if a file says them."""

    dataset: Dataset
    classes: Mapping[str, str] | None

    @classmethod
    def open(cls, location: str, images: Path) -> Self:
        """The dataset at a place, whose images lie in a folder. Raises as ``open_dataset``."""
        classes = _classes(Path(location) / CLASSES)
        void = None if classes is None else (0, VOID)
        return cls(open_dataset(location, images=images, void=void), classes)

    def __len__(self) -> int:
        return len(self.dataset)


def given_images(files: MaskFiles, report: ImportReport) -> Iterator[GivenImage]:
    """The images of a dataset with their masks from the back on. report: gets what is left out."""
    dataset, classes = files.dataset, files.classes
    for note in dataset.notes:
        report.add_unread(note)
    labels: Mapping[str, str] | None = classes
    if dataset.kind == mask_pictures.KIND and classes is None:
        labels = {}
    for part in dataset.parts:
        for sample in part.samples():
            if not isinstance(sample, Sample):
                report.add_unread(sample)
                continue
            try:
                image = _given(sample, labels, report)
            except Error as error:
                report.refuse(sample.name, str(error).removeprefix(f"{sample.name} "))
                continue
            if _is_elsewhere(part):
                report.elsewhere.add(f"{part.written} is {part.name}")
            yield image


def _given(sample: Sample, labels: Mapping[str, str] | None, report: ImportReport) -> GivenImage:
    """labels: by what the dataset says; None where that is the label. Raises ``Error``."""
    if sample.options.page is not None:
        raise Error(f"is page {sample.options.page} of a file, and a file is one image here")
    hw = read_size(sample.content, sample.name)
    masks = upright_masks(sample, hw)
    details = sample.details or (NO_DETAIL,) * len(masks)
    in_order = sorted(zip(masks, sample.groups, details), key=lambda one: one[2].order)
    given = []
    for mask, group, detail in in_order:
        if group is VOID_GROUP:
            report.lose(sample.name, UNDECIDED, 1)
            continue
        label = group or None
        if labels is not None and label is not None:
            if not labels:
                report.note(NUMBERS_ALONE)
            label = labels.get(label, label if labels else None)
        given.append(GivenMask(mask, label, detail.group, detail.predicted_iou))
    return GivenImage(sample.name, hw, tuple(given), sample.state)


def upright_masks(sample: Sample, hw: tuple[int, int]) -> list[RLE]:
    """The masks on the upright (H, W) image. Raises ``Error`` for those of another size."""
    sizes = {(int(mask["size"][0]), int(mask["size"][1])) for mask in sample.masks}
    if sizes <= {hw}:
        return list(sample.masks)
    if sizes == {hw[::-1]}:  # of a tool that does not look at EXIF
        turned = [
            as_upright(rle.decode(mask).astype(bool), sample.content) for mask in sample.masks
        ]
        if all(mask.shape == hw for mask in turned):
            return [rle.encode(mask) for mask in turned]
    other = next(size for size in sizes if size != hw)
    raise Error(f"is {hw[1]}×{hw[0]} (width×height), but has masks of {other[1]}×{other[0]}")


def _is_elsewhere(part: Part) -> bool:
    """Whether an image was found by the name of its file alone."""
    return bool(part.written) and not f"/{_stem(part.written)}".endswith(f"/{_stem(part.name)}")


def _stem(name: str) -> str:
    path, _, served = name.replace("\\", "/").partition("?d=")  # as Label Studio serves files
    return stem(unquote(served or path))


def _classes(path: Path) -> Mapping[str, str] | None:
    """The names of classes by number, as anymask writes them; None where there are none."""
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise Error(f"{path.name} can't be read: {error}") from None
    if not rows or not {"number", "name"} <= rows[0].keys():
        return None
    return {str(row["number"]).strip(): str(row["name"]) for row in rows}
