"""Losses: what a format can't keep of a dataset, in numbers, before it is written.

Shape legend: H W pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from anymask.core import rle
from anymask.datasets.writing.annotated import AnnotatedImage
from anymask.datasets.writing.folder import Names, with_ending
from anymask.datasets.writing.formats import KEEPINGS, DatasetFormat, Pixels, check, visible
from anymask.datasets.writing.labels import UNLABELLED, Labels, label_of
from anymask.datasets.writing.pictures import Numbers, class_numbers, instance_numbers


class LossKind(StrEnum):
    """What is lost."""

    undecided = "undecided"
    empty = "empty"
    hidden = "hidden"
    overlaps = "overlaps"
    joined = "joined"
    labels = "labels"
    unlabelled = "unlabelled"
    groups = "groups"
    scores = "scores"


# Of how many masks and pixels, in words. {masks} counts those that lose something.
SENTENCES = {
    LossKind.undecided: "{masks} of undecided pixels: left out, they are no objects",
    LossKind.empty: "{masks} without a pixel: left out",
    LossKind.hidden: "{masks} of {all}, {pixels}, lie wholly under others: left out",
    LossKind.overlaps: "{masks} of {all} reach under others: {pixels} go to the upper one",
    LossKind.joined: "{masks} of {all} are joined with others of their label in one image",
    LossKind.labels: "{masks} of {all} have a label: not kept",
    LossKind.unlabelled: f'{{masks}} of {{all}} have no label: called "{UNLABELLED}"',
    LossKind.groups: "{masks} of {all} have a group: not kept",
    LossKind.scores: "{masks} of {all} have a predicted IoU: not kept",
}


@dataclass(frozen=True)
class Loss:
    """A kind of loss. masks: how many lose something; pixels: how many these lose, of that kind."""

    kind: LossKind
    masks: int
    pixels: int = 0


@dataclass(frozen=True)
class Losses:
    """What a format does not keep. images, masks: of the whole dataset."""

    format: DatasetFormat
    images: int
    masks: int
    losses: tuple[Loss, ...]

    def of(self, kind: LossKind) -> Loss:
        """The loss of a kind, be it none."""
        return next((loss for loss in self.losses if loss.kind == kind), Loss(kind, 0))

    def title(self) -> str:
        """What there is, and that the lines about what is lost follow."""
        counts = f"{_counted(self.images, 'image')}, {_counted(self.masks, 'mask')}"
        return f"{counts}; lost in {self.format}:"

    def lines(self) -> list[str]:
        """A sentence for each loss."""
        return [
            SENTENCES[loss.kind].format(
                masks=_counted(loss.masks, "mask"),
                all=f"{self.masks:,}",
                pixels=_counted(loss.pixels, "pixel"),
            )
            for loss in self.losses
        ]

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "format": str(self.format),
            "images": self.images,
            "masks": self.masks,
            "losses": [
                {"kind": str(loss.kind), "masks": loss.masks, "pixels": loss.pixels, "line": line}
                for loss, line in zip(self.losses, self.lines())
            ],
        }


def losses(images: Iterable[AnnotatedImage], form: DatasetFormat) -> Losses:
    """What a format won't keep of images, one by one, in the memory of one.

    Raises ``OutputError`` for what it can't hold at all, as writing it would.
    """
    counting = _Counting(form)
    for image in images:
        counting.add(image)
    return counting.losses()


class _Counting:
    def __init__(self, form: DatasetFormat) -> None:
        self._form, self._keeping = form, KEEPINGS[form]
        self._names, self._classes = Names(), Labels(first=1)
        self._images = self._masks = 0
        self._lossy: Counter[LossKind] = Counter()
        self._pixels: Counter[LossKind] = Counter()

    def add(self, image: AnnotatedImage) -> None:
        check(image, self._form)
        if self._keeping.names_files:
            self._names.take(with_ending(image.name, ".*"), image.name)
        self._images += 1
        self._masks += len(image.objects)
        self._lossy[LossKind.undecided] += image.undecided
        count, image = len(image.objects), visible(image)
        self._lossy[LossKind.empty] += count - len(image.objects)
        self._add_words(image)
        if self._keeping.pixels == Pixels.one_object:
            numbers = instance_numbers(image)
            self._add_pixels(image, numbers, [*range(1, 255), *range(256, len(image.objects) + 2)])
        elif self._keeping.pixels == Pixels.one_class:
            numbers = class_numbers(image, self._classes)
            self._add_pixels(image, numbers, [*map(self._classes.number, image.objects)])
            shared = Counter(map(label_of, image.objects))
            self._lossy[LossKind.joined] += sum(n for n in shared.values() if n > 1)

    def losses(self) -> Losses:
        lossy = (Loss(kind, self._lossy[kind], self._pixels[kind]) for kind in LossKind)
        return Losses(
            self._form, self._images, self._masks, tuple(loss for loss in lossy if loss.masks)
        )

    def _add_words(self, image: AnnotatedImage) -> None:
        keeping = self._keeping
        for one in image.objects:
            self._lossy[LossKind.labels] += bool(one.label) and not keeping.labels
            self._lossy[LossKind.unlabelled] += not one.label and not keeping.unlabelled
            self._lossy[LossKind.groups] += one.group is not None and not keeping.groups
            self._lossy[LossKind.scores] += one.predicted_iou is not None and not keeping.scores

    def _add_pixels(self, image: AnnotatedImage, painted: Numbers, numbers: list[int]) -> None:
        """numbers: of each object in the (H, W) picture."""
        for one, number in zip(image.objects, numbers):
            mask, left, top = rle.decode_tight(one.mask)
            part = painted[top : top + mask.shape[0], left : left + mask.shape[1]]
            lost = int(np.count_nonzero(part[mask] != number))
            if lost:
                kind = LossKind.hidden if lost == rle.area(one.mask) else LossKind.overlaps
                self._lossy[kind] += 1
                self._pixels[kind] += lost


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
