"""Items: the masks that are to be rated, and those that tell whether a rater looks.

Shape legend: H W pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.metrics import mask_iou
from anymask.core.ratings.question import Question
from anymask.core.ratings.rating import TRUTH, Kind, RatedMask
from anymask.core.rle import RLE
from anymask.engine.rating.drawn import DRAWN, drawn_object
from anymask.engine.rating.lots import shuffled

A_WRONG_ONE_IN, A_RIGHT_ONE_IN = 25, 60  # of the masks to rate; at least one of each
BESIDE_IOU = 0.05  # with the truth: less is plainly another place

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Item:
    """A mask with its image and the click that was to find it.

    point: x and y, in pixels. segmentation: (H, W).
    """

    of: RatedMask
    point: tuple[int, int]
    segmentation: RLE

    @property
    def picture(self) -> tuple[str, str]:
        """Which image it lies on: data set and name."""
        return self.of.data, self.of.image


def items_of(questions: Sequence[Question], seed: int) -> list[Item]:
    """All answers and truths, question by question, and after them the checks."""
    items = [item for question in questions for item in _answers(question, seed)]
    wrong, right = (max(1, len(items) // share) for share in (A_WRONG_ONE_IN, A_RIGHT_ONE_IN))
    return [*items, *_beside(questions, wrong, seed), *(_exact(i, seed) for i in range(right))]


def _answers(question: Question, seed: int) -> Iterator[Item]:
    """The truth, and what each model said."""
    truth = rle.decode(question.truth)
    yield _item(question, Kind.answer, TRUTH, question.truth, 1.0, seed)
    for model, answer in question.answers.items():
        iou = float(mask_iou(truth, rle.decode(answer)))
        yield _item(question, Kind.answer, model, answer, iou, seed)


def _beside(questions: Sequence[Question], most: int, seed: int) -> Iterator[Item]:
    """Truths of some questions moved to where the point is not."""
    for question in shuffled(questions, seed, "beside"):
        if not most:
            return
        moved = _moved(rle.decode(question.truth), question.point)
        if moved is not None:
            most -= 1
            mask, iou = moved
            yield _item(question, Kind.wrong, "", rle.encode(mask), iou, seed)


def _moved(truth: Mask, point: tuple[int, int]) -> tuple[Mask, float] | None:
    """An (H, W) mask somewhere else, and its IoU; None where it fills too much of the image."""
    height, width = truth.shape
    x, y = point
    shifts = ((0, width // 2), (height // 2, 0), (height // 2, width // 2))
    for candidate in (*(np.roll(truth, shift, (0, 1)) for shift in shifts), truth[::-1, ::-1]):
        iou = float(mask_iou(truth, candidate))
        if iou < BESIDE_IOU and not candidate[y, x]:
            return np.ascontiguousarray(candidate), iou
    return None


def _exact(number: int, seed: int) -> Item:
    """A drawn shape with exactly its pixels."""
    drawn = drawn_object(number, seed)
    distance = cv2.distanceTransform(drawn.mask.astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    segmentation = rle.encode(drawn.mask)
    question = Question(DRAWN, drawn.name, 0, (int(x), int(y)), segmentation, {})
    return _item(question, Kind.right, "", segmentation, 1.0, seed)


def _item(
    question: Question, kind: Kind, model: str, segmentation: RLE, iou: float, seed: int
) -> Item:
    words = (seed, kind, model, question.data, question.image, question.mask, segmentation)
    key = hashlib.sha256(repr(words).encode(errors="surrogateescape")).hexdigest()[:16]
    of = RatedMask(key, kind, model, question.data, question.image, question.mask, round(iou, 5))
    return Item(of, question.point, segmentation)
