"""Timed, in context: what segments as examples show, with the time of its answers counted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import Labels, Pixels
from anymask.predict.in_context.answer import InContextAnswer
from anymask.predict.in_context.predictor import InContextPredictor, VideoPredictor


@dataclass
class TimedInContext:
    """Passes every question on. seconds: what the answers took, all together."""

    predictor: InContextPredictor
    seconds: float = field(default=0.0)

    @property
    def model_id(self) -> str:
        """Of all that answers depend on."""
        return self.predictor.model_id

    def segment(
        self, pixels: Pixels, examples: Sequence[Example], *, rejected: Sequence[Example] = ()
    ) -> InContextAnswer:
        """Answer."""
        start = time.perf_counter()
        try:
            return self.predictor.segment(pixels, examples, rejected=rejected)
        finally:
            self.seconds += time.perf_counter() - start


@dataclass
class TimedVideo:
    """The same of a film."""

    predictor: VideoPredictor
    seconds: float = field(default=0.0)

    @property
    def model_id(self) -> str:
        """Of all that answers depend on."""
        return self.predictor.model_id

    def follow(
        self,
        frames: Iterable[Pixels],
        first: Labels,
        also: Sequence[Example] = (),
        *,
        known: Sequence[InContextAnswer] = (),
    ) -> Iterator[InContextAnswer]:
        """Follow; without the time that their taker needs between two answers."""
        answers = self.predictor.follow(frames, first, also, known=known)
        while True:
            start = time.perf_counter()
            answer = next(answers, None)
            self.seconds += time.perf_counter() - start
            if answer is None:
                return
            yield answer
