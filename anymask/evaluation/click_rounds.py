"""Rounds of clicks on objects whose masks are known, each click placed by the answer before.

Shape legend: P objects at once, M answers to each, N clicks so far, H W pixels.
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

# Truth and answer, (H, W) each, and (N, 2) earlier clicks to the next click.
ClickRule = Callable[[Mask, Mask, Floats], Click]
Box = tuple[int, int, int, int]  # XYXY, the lower right corner outside

ALL_OBJECTS = {"masks_per_image": None, "smallest_px": 0}  # options of whoever leaves none out
OPTION_WORDS = {"smallest_px": "smallest mask in pixels"}


@dataclass(frozen=True)
class ObjectChoice:
    """Which of an image's masks are clicked on.

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
        """The numbers of the masks in the sample, rising. Undecided pixels are no object."""
        objects = [
            number
            for number, (mask, is_object) in enumerate(zip(sample.masks, sample.is_object))
            if is_object and rle.area(mask) >= max(1, self.smallest_px)
        ]
        drawn = sorted(
            objects, key=lambda number: random_bytes(sample, number, self.seed, "choice")
        )
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
        """The truth's pixels."""
        return int(np.count_nonzero(self.truth))

    @cached_property
    def box(self) -> Box:
        """The box of the truth."""
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
        """IoU with the truth."""
        part = self._part
        return float(mask_iou(self.target.truth[part], self.predicted[part]))

    def next_click(self, rule: ClickRule, taken_xy: Floats) -> Click:
        """Where a user clicks next. taken_xy: (N, 2) clicks before."""
        rows, columns = self._part
        corner = np.array([columns.start, rows.start], np.float32)
        truth, predicted = self.target.truth[rows, columns], self.predicted[rows, columns]
        (x, y), label = rule(truth, predicted, taken_xy - corner)
        return (x + columns.start, y + rows.start), label

    @cached_property
    def _part(self) -> tuple[slice, slice]:
        """Rows and columns around both masks: on what lies beyond, nothing depends."""
        a, b = self.target.box, _box(self.predicted)
        b = b if b[2] else a  # an empty answer has no box
        rows = slice(min(a[1], b[1]), max(a[3], b[3]))
        return rows, slice(min(a[0], b[0]), max(a[2], b[2]))


@dataclass(frozen=True, eq=False)
class ClickRound:
    """A click more on each of P objects, and what was answered.

    prompts: N clicks each and, from the second round on, the answers before. answers: M for each
    object, of which the first goes on.
    """

    prompts: Prompts
    answers: list[list[Answer]]

    def ious(self) -> list[float]:
        """IoUs of the answers that go on: P."""
        return [of_object[0].iou for of_object in self.answers]


def targets_by_batch(
    sam: Segmenter, sample: Sample, choice: ObjectChoice
) -> Iterator[tuple[ImageEmbedding, list[Target]]]:
    """``targets``, each batch with the image's embedding; without objects nothing is encoded."""
    if not choice.numbers(sample):
        return
    embedding = sam.encode(sample.pixels())
    for batch in targets(sample, choice):
        yield embedding, batch


def targets(sample: Sample, choice: ObjectChoice) -> Iterator[list[Target]]:
    """The chosen objects of an image in batches, without those of which no pixel counts."""
    voids = [mask for mask, is_object in zip(sample.masks, sample.is_object) if not is_object]
    void = reduce(np.logical_or, map(rle.decode, voids)) if voids else None
    chosen = (_target(sample, number, void) for number in choice.numbers(sample))
    visible = (target for target in chosen if target.area)
    while batch := list(islice(visible, choice.batch)):
        yield batch


def click_rounds(
    sam: Segmenter,
    embedding: ImageEmbedding,
    objects: Sequence[Target],
    first_xy: Floats,
    rule: ClickRule,
    clicks: int,
    first_multimask: bool = True,
) -> Iterator[ClickRound]:
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
        done = ClickRound(prompts, answers_of(masks, objects))
        yield done
        if number < clicks:
            more = [
                answers[0].next_click(rule, xy[row]) for row, answers in enumerate(done.answers)
            ]
            new_xy = np.array([point for point, _ in more], np.float32)
            xy = np.concatenate([xy, new_xy[:, None]], axis=1)
            labels = np.concatenate([labels, np.array([[label] for _, label in more])], axis=1)
            prompts = Prompts(xy, labels, masks.logits[:, 0])
            masks = sam.predict(embedding, prompts, False)


def answers_of(masks: Masks, objects: Sequence[Target]) -> list[list[Answer]]:
    """(P, M) masks at the size of the image, each beside the truth of its object."""
    full = masks.full_logits()
    return [
        [_answer(next(full), masks.threshold, target) for _ in range(masks.logits.shape[1])]
        for target in objects
    ]


def random_bytes(sample: Sample, number: int, seed: int, purpose: str) -> bytes:
    """32 bytes that depend on nothing but sample, number of the mask, seed and purpose."""
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
