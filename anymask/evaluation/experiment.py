"""Experiment: what is asked of a segmenter about one image, and what all answers come to.

Rows are plain JSON values, so that they can be kept image by image, shared by processes, and read
by people who want to know which masks went wrong.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from anymask.core.embedding import ImageEmbedding
from anymask.core.image import ImageSource
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Sample
from anymask.predict.automatic import Candidate

Row = dict[str, Any]


class Experiment(Protocol):
    """One table of a paper. A frozen dataclass: what its fields say goes into the result."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """As ``anymask evaluate`` calls it."""
        ...

    @property
    def needs_model(self) -> bool:
        """False for what is measured without one: a classical detector, to compare with."""
        return True

    def options(self) -> Mapping[str, Any]:
        """All that a figure depends on besides model and data, as plain JSON values."""
        ...

    def notes(self, names: Collection[str]) -> Sequence[Unread]:
        """What of its own files (detections, a table) fits none of the samples of these names."""
        return ()

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """What is found on one image: often a row a mask. Raises ``Error`` to pass over it."""
        ...

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """The figures of all rows; each row also has ``image``, the name of its sample."""
        ...


@dataclass
class Timed:
    """A segmenter whose time is counted, to tell the model's share of an evaluation.

    What the other can do besides (``candidates``) is passed on, and its attributes are seen.
    """

    sam: Any
    seconds: float = field(default=0.0)

    def encode(self, image: ImageSource) -> ImageEmbedding:
        """As the other's."""
        start = time.perf_counter()
        try:
            embedding: ImageEmbedding = self.sam.encode(image)
            return embedding
        finally:
            self.seconds += time.perf_counter() - start

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        """As the other's."""
        start = time.perf_counter()
        try:
            masks: Masks = self.sam.predict(embedding, prompts, multimask_output)
            return masks
        finally:
            self.seconds += time.perf_counter() - start

    def __getattr__(self, name: str) -> Any:
        if name == "candidates":
            inner = self.sam.candidates  # AttributeError where the other has none
            return lambda *arguments: self._timed(inner(*arguments))
        return getattr(self.sam, name)

    def _timed(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        while True:
            start = time.perf_counter()
            one = next(candidates, None)
            self.seconds += time.perf_counter() - start
            if one is None:
                return
            yield one
