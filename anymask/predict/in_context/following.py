"""Follower: what is marked in one frame of a film, found in all that come after it.

Shape legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import Labels, Pixels
from anymask.predict.in_context.answer import InContextAnswer
from anymask.predict.in_context.like import LikePredictor


class Follower:
    """Follows labelled things through frames.

    Its memory: the first frame is always kept, for it is known to be right; beside it the last
    frame in which something was found, as it was answered.
    """

    def __init__(self, predictor: LikePredictor) -> None:
        self.predictor = predictor

    def follow(self, frames: Iterable[Pixels], first: Labels) -> Iterator[InContextAnswer]:
        """The answer for each frame after the first, in order.

        frames: (H, W, 3) RGB; the first is the one that ``first`` labels (H, W), 0 is background.

        Raises ``PromptError`` for labels of another size, and for none.
        """
        each = iter(frames)
        start = Example(next(each), first)
        last: Example | None = None
        for pixels in each:
            memory = [start] if last is None else [start, last]
            answer = self.predictor.segment(pixels, memory)
            if answer.labelled.labels.any():
                last = Example(pixels, answer.labelled.labels)
            yield answer
