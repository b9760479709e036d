"""Asking about objects whose masks are known: rounds of clicks, each placed by the answer before.

Shape legend: P objects asked about at once, M masks of an answer, N clicks so far, H W pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import islice

import cv2
import numpy as np

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.interaction import Click, Mask
from anymask.core.masks import Masks
from anymask.core.metrics import mask_iou
from anymask.core.prompts import OBJECT, Prompts
from anymask.core.protocol import Segmenter
from anymask.datasets.sample import Sample
from anymask.errors import Error

Rule = Callable[[Mask, Mask, Floats], Click]  # truth, answer and earlier clicks to the next one
Box = tuple[int, int, int, int]  # XYXY, the lower right corner outside


@dataclass(frozen=True)
class Choice:
    """Which of an image's masks are asked about.

    masks_per_image: at most; None: all. Which, only seed, image and number of the mask decide.
    smallest_px: those of a smaller area are left out. batch: so many at once; figures depend
    on it no more than on how a model rounds.
    """

    masks_per_image: int | None = None
    smallest_px: int = 0
    seed: int = 0
    batch: int = 2

    def check(self) -> None:
        """Raise ``Error`` if nothing can be chosen so."""
        if self.batch < 1 or (self.masks_per_image is not None and self.masks_per_image < 1):
            raise Error("masks_per_image and batch must be 1 or more")
        if self.smallest_px < 0:
            raise Error("smallest_px must be 0 or more")

    def options(self) -> dict[str, int | None]:
        """What figures depend on, as results have it."""
        return {
            "masks_per_image": self.masks_per_image,
            "smallest_px": self.smallest_px,
            "seed": self.seed,
        }

    def numbers(self, sample: Sample) -> list[int]:
        """Of the masks, rising. Pixels that nobody decided about are no object."""
        objects = [
            number
            for number, (mask, is_object) in enumerate(zip(sample.masks, sample.is_object))
            if is_object and rle.area(mask) >= max(1, self.smallest_px)
        ]
        drawn = sorted(objects, key=lambda number: drawn_for(sample, number, self.seed, "choice"))
        return sorted(drawn[: self.masks_per_image])


@dataclass(frozen=True, eq=False)
class Target:
    """An object to find.

    number: of its mask in the sample. truth: (H, W). void: (H, W), pixels that count neither for
    nor against an answer, none of them in ``truth``; None: all count.
    """

    number: int
    group: str | None
    truth: Mask
    void: Mask | None = None

    @cached_property
    def area(self) -> int:
        """Pixels of the truth."""
        return int(np.count_nonzero(self.truth))

    @cached_property
    def box(self) -> Box:
        """Around the truth."""
        return _box(self.truth)


@dataclass(frozen=True, eq=False)
class Answer:
    """A mask beside the truth.

    predicted: (H, W), without the pixels that don't count.
    """

    target: Target
    predicted: Mask

    @cached_property
    def iou(self) -> float:
        """With the truth."""
        part = self._part
        return float(mask_iou(self.target.truth[part], self.predicted[part]))

    def next_click(self, rule: Rule, taken_xy: Floats) -> Click:
        """What a user says to it. taken_xy: (N, 2) clicks before."""
        rows, columns = self._part
        corner = np.array([columns.start, rows.start], np.float32)
        truth, predicted = self.target.truth[rows, columns], self.predicted[rows, columns]
        (x, y), label = rule(truth, predicted, taken_xy - corner)
        return (x + columns.start, y + rows.start), label

    @cached_property
    def _part(self) -> tuple[slice, slice]:
        """Of the image: around both masks. Beyond, neither is, so that nothing depends on it."""
        a, b = self.target.box, _box(self.predicted)
        b = b if b[2] else a  # an empty answer has no box
        rows = slice(min(a[1], b[1]), max(a[3], b[3]))
        return rows, slice(min(a[0], b[0]), max(a[2], b[2]))


@dataclass(frozen=True, eq=False)
class Round:
    """What was asked about P objects, and what was answered.

    prompts: N clicks each and, from the second round on, the answers before. answers: M for each
    object, of which the first goes on.
    """

    prompts: Prompts
    answers: list[list[Answer]]

    def ious(self) -> list[float]:
        """Of the answers that go on: P."""
        return [several[0].iou for several in self.answers]


def embedded(
    sam: Segmenter, sample: Sample, choice: Choice
) -> Iterator[tuple[ImageEmbedding, list[Target]]]:
    """``targets``, some at a time, with the image's embedding; nothing is encoded for none."""
    if not choice.numbers(sample):
        return
    embedding = sam.encode(sample.pixels())
    for objects in targets(sample, choice):
        yield embedding, objects


def targets(sample: Sample, choice: Choice) -> Iterator[list[Target]]:
    """The objects of an image that are asked about, some at a time.

    One of which no pixel counts is none.
    """
    voids = [mask for mask, is_object in zip(sample.masks, sample.is_object) if not is_object]
    void = reduce(np.logical_or, map(rle.decode, voids)) if voids else None
    objects = (_target(sample, number, void) for number in choice.numbers(sample))
    seen = (one for one in objects if one.area)
    while some := list(islice(seen, choice.batch)):
        yield some


def play(
    sam: Segmenter,
    embedding: ImageEmbedding,
    objects: Sequence[Target],
    first_xy: Floats,
    rule: Rule,
    clicks: int,
    first_multimask: bool = True,
) -> Iterator[Round]:
    """Rounds of one click more each, as SAM is used (§7.1, §D.1).

    first_xy: (P, 2). The first click gets three masks, the surest of which goes on, where the model
    has three (``first_multimask``); later ones get the mask for clear prompts, and the answer's
    logits go with them.
    """
    xy = first_xy[:, None]
    labels = np.full((len(objects), 1), OBJECT)
    prompts = Prompts(xy, labels)
    masks = sam.predict(embedding, prompts, None if first_multimask else False)
    for number in range(1, clicks + 1):
        played = Round(prompts, compared(masks, objects))
        yield played
        if number < clicks:
            more = [each[0].next_click(rule, xy[row]) for row, each in enumerate(played.answers)]
            new_xy = np.array([point for point, _ in more], np.float32)
            xy = np.concatenate([xy, new_xy[:, None]], axis=1)
            labels = np.concatenate([labels, np.array([[label] for _, label in more])], axis=1)
            prompts = Prompts(xy, labels, masks.logits[:, 0])
            masks = sam.predict(embedding, prompts, False)


def compared(masks: Masks, objects: Sequence[Target]) -> list[list[Answer]]:
    """P × M answers at the size of the image beside P truths."""
    full = masks.full_logits()
    return [
        [_answer(next(full), masks.threshold, one) for _ in range(masks.logits.shape[1])]
        for one in objects
    ]


def drawn_for(sample: Sample, number: int, seed: int, purpose: str) -> bytes:
    """Random bytes, the same for a mask whenever and wherever they are asked for."""
    text = f"{seed} {purpose} {number} {sample.name}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def _target(sample: Sample, number: int, void: Mask | None) -> Target:
    truth = rle.decode(sample.masks[number])
    if void is not None:
        truth &= ~void
    return Target(number, sample.groups[number], truth, void)


def _answer(logits: Floats, threshold: float, target: Target) -> Answer:
    predicted = logits > threshold
    if target.void is not None:
        predicted &= ~target.void
    return Answer(target, predicted)


def _box(mask: Mask) -> Box:
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return left, top, left + width, top + height
