"""ByColour: what segments by example without a model: pixels of the example's mean colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import LabelledPixels, Labels, Pixels
from anymask.predict.in_context.answer import FoundObject, InContextAnswer

NEAR = 30.0


@dataclass(frozen=True)
class ByColour:
    """Connected regions within a distance of a label's colour are its objects, the largest surest.

    A region that touches a rejected colour is left out.
    """

    model_id: str = "colours@0"

    def segment(
        self, pixels: Pixels, examples: Sequence[Example], *, rejected: Sequence[Example] = ()
    ) -> InContextAnswer:
        """By the mean colour of all examples of a label."""
        labels = np.zeros(pixels.shape[:2], np.int32)
        objects = []
        wrong = [_colour(one.pixels[one.labels > 0]) for one in rejected]
        for label in sorted({int(one) for e in examples for one in np.unique(e.labels)} - {0}):
            shown = np.concatenate([one.pixels[one.labels == label] for one in examples])
            near = _is_near(pixels, _colour(shown))
            for colour in wrong:
                near &= ~_is_near(pixels, colour)
            count, regions = cv2.connectedComponents(near.astype(np.uint8))
            labels[near] = label
            for number in range(1, count):
                mask = regions == number
                objects.append(FoundObject(mask, label, float(0.5 + mask.mean() / 2)))
        objects.sort(key=lambda one: -one.score)
        labelled = LabelledPixels(labels, (labels > 0).astype(np.float32))
        return InContextAnswer(labelled, tuple(objects), "colours")

    def follow(
        self,
        frames: Iterable[Pixels],
        first: Labels,
        also: Sequence[Example] = (),
        *,
        known: Sequence[InContextAnswer] = (),
    ) -> Iterator[InContextAnswer]:
        """The first frame is the only example."""
        each = iter(frames)
        start = Example(next(each), first)
        for number, pixels in enumerate(each):
            if number >= len(known):
                yield self.segment(pixels, [start])


def _colour(pixels: Pixels) -> npt.NDArray[np.float64]:
    return np.asarray(pixels.mean(axis=0))


def _is_near(pixels: Pixels, colour: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.asarray(np.linalg.norm(pixels - colour, axis=-1) < NEAR)
