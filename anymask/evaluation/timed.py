"""Timed: a segmenter whose time is counted, to tell the model's share of an evaluation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.image import ImageSource
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.predict.automatic import AutomaticConfig, Candidate, CandidateSource


@dataclass
class Timed:
    """A segmenter that passes every question on. seconds: what the answers took, all together."""

    sam: Segmenter
    seconds: float = field(default=0.0)

    @staticmethod
    def of(sam: Segmenter) -> Timed:
        """A segmenter that can do what the given one can: a ``CandidateSource`` stays one."""
        return TimedCandidates(sam) if isinstance(sam, CandidateSource) else Timed(sam)

    @property
    def model_id(self) -> str:
        """Name and hash of the weights."""
        return self.sam.model_id

    @property
    def everything(self) -> Mapping[str, float]:
        """The thresholds of everything-mode that the weights came with, if they did."""
        return self.sam.everything

    def encode(self, image: ImageSource) -> ImageEmbedding:
        """Look at an image."""
        start = time.perf_counter()
        try:
            return self.sam.encode(image)
        finally:
            self.seconds += time.perf_counter() - start

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        """Answer prompts about it."""
        start = time.perf_counter()
        try:
            return self.sam.predict(embedding, prompts, multimask_output)
        finally:
            self.seconds += time.perf_counter() - start


@dataclass
class TimedCandidates(Timed):
    """A ``CandidateSource`` whose time is counted."""

    def candidates(
        self, embedding: ImageEmbedding, points: Floats, config: AutomaticConfig
    ) -> Iterator[Candidate]:
        """The other's, without the time that their taker needs between two of them."""
        assert isinstance(self.sam, CandidateSource)
        candidates = self.sam.candidates(embedding, points, config)
        while True:
            start = time.perf_counter()
            candidate = next(candidates, None)
            self.seconds += time.perf_counter() - start
            if candidate is None:
                return
            yield candidate
