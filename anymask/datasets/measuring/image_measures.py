"""Measures of the masks of one image, and of all images of a dataset's part.

Shape legend: N objects, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.core.shapes.hulls import hull_areas
from anymask.core.shapes.mask_batch import Floats, MaskBatch
from anymask.core.shapes.run_texts import Numbers
from anymask.datasets import sa1b_record
from anymask.datasets.listing import NamedContent
from anymask.datasets.photographs import Unread
from anymask.datasets.sa1b_dataset import RecordPair
from anymask.datasets.sa1b_shards import Shard
from anymask.datasets.sample import Part, Sample
from anymask.errors import Error, RecordError


@dataclass(frozen=True, eq=False, slots=True)
class ImageMeasures:
    """The objects of one image.

    areas, hulls: (N,) pixels of each mask and of its convex hull. centres: (N, 2) XY of the mean of
    its pixels, as shares of the image's width and height. names: of those that have one.
    undecided: masks that are no object.
    """

    hw: tuple[int, int]
    areas: Numbers
    hulls: Numbers
    centres: Floats
    names: tuple[str, ...] = ()
    undecided: int = 0

    @property
    def shares(self) -> Floats:
        """(N,) area of each mask as a share of the image's."""
        return np.asarray(self.areas / (self.hw[0] * self.hw[1]))

    @property
    def relative_sizes(self) -> Floats:
        """(N,) √(mask area / image area) (§5)."""
        return np.sqrt(self.shares)

    @property
    def concavities(self) -> Floats:
        """(N,) 1 - mask area / area of its convex hull (§5); as ``core.shapes.hulls`` has it.

        0 of what has no pixel.
        """
        return np.asarray(1 - self.areas / np.maximum(self.hulls, 1)) * (self.areas > 0)


def measure_part(part: Part, open_images: bool = False) -> Iterator[ImageMeasures | Unread]:
    """Measures of the images of a part; what can't be read and what is left out, as its reader has.

    open_images: decode them, too. Otherwise those of SA-1B are not even read.
    """
    if not open_images and isinstance(part.read, RecordPair):
        yield from _measure_pair(part.read)
    elif not open_images and isinstance(part.read, Shard):
        for pair in part.read.pairs():
            if isinstance(pair, Unread):
                yield pair
            elif usual := _of_record(pair[1]):
                yield usual
            else:
                yield from _of_samples(sa1b_record.samples_of((pair[0][0], b""), [pair[1]]))
    else:
        yield from _of_samples(part.samples(), open_images)


def _of_samples(
    samples: Iterable[Sample | Unread], open_images: bool = False
) -> Iterator[ImageMeasures | Unread]:
    for sample in samples:
        yield _of_sample(sample, open_images) if isinstance(sample, Sample) else sample


def _measure_pair(pair: RecordPair) -> Iterator[ImageMeasures | Unread]:
    try:
        records = pair.read_records()
    except Error as error:
        yield Unread.from_error(pair.image.name, error)
        return
    usual = _of_record(records[0]) if len(records) == 1 and not pair.others else None
    if usual:
        yield usual
    else:
        yield from _of_samples(pair.samples(b"", records))


def _of_sample(sample: Sample, open_image: bool) -> ImageMeasures | Unread:
    """Or what keeps it from being used."""
    try:
        if open_image:
            sample.pixels()
        return _of_masks(sample)
    except (Error, MemoryError) as error:
        return Unread(sample.name, str(error) or "does not fit in memory")


def _of_masks(sample: Sample) -> ImageMeasures:
    """Raises ``Error`` for run lengths that do not fill the image."""
    height, width = sample.masks[0]["size"]
    objects = list(compress(sample.masks, sample.is_object))
    names = tuple(filter(None, compress(sample.groups, sample.is_object)))
    undecided = len(sample.masks) - len(objects)
    batch = _batch(objects, (height, width))
    if not batch.fills.all():
        for mask in objects:
            rle.area(mask)  # which says what is wrong
    return _of_batch(batch, names, undecided)


def _batch(masks: Sequence[RLE], hw: tuple[int, int]) -> MaskBatch:
    return MaskBatch.of_texts([mask["counts"].encode("ascii", "replace") for mask in masks], hw)


def _of_batch(batch: MaskBatch, names: tuple[str, ...] = (), undecided: int = 0) -> ImageMeasures:
    height, width = batch.image_hw
    centres = batch.centres_xy / np.array([width, height])
    return ImageMeasures(batch.image_hw, batch.areas, hull_areas(batch), centres, names, undecided)


def _of_record(file: NamedContent) -> ImageMeasures | None:
    """Of an SA-1B record in which nothing is to be left out or decided; None of any other."""
    try:
        record = sa1b_record.from_bytes(file[1], file[0])
    except RecordError:
        return None
    image: dict[str, Any] = {**record["image"]}
    size = [image.get("height"), image.get("width")]
    if not record["annotations"] or not all(type(side) is int and side > 0 for side in size):
        return None
    masks: list[RLE] = []
    for annotation in record["annotations"]:
        segmentation = annotation.get("segmentation") if type(annotation) is dict else None
        is_usual = (
            type(segmentation) is dict
            and segmentation.get("size") == size
            and type(segmentation.get("counts")) is str
        )
        if not is_usual:
            return None
        masks.append(annotation["segmentation"])
    try:
        batch = _batch(masks, (image["height"], image["width"]))
    except Error:
        return None
    return _of_batch(batch) if batch.fills.all() and batch.areas.all() else None
