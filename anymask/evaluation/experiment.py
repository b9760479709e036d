"""Experiment: what is measured, and how a page tells of it. Each is a file of ``experiments/``.

All that belongs to one stands in its file: fields, rows and metrics, its section of the report, the
figures that others published, and where our protocol departs from theirs. ``discovery`` finds it
there, so that a new one needs no other file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from anymask.core.protocol import Segmenter
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Sample
from anymask.evaluation.report.departures import PublishedProtocol
from anymask.evaluation.report.layout import Blocks, Labels
from anymask.evaluation.report.metrics_section import all_metrics
from anymask.evaluation.result import Result, Row
from anymask.evaluation.source import Source
from anymask.evaluation.timed import Timed
from anymask.predict.load import ModelSource

LAST = 100


class Answerer(Protocol):
    """What experiments ask. model_id: name and hash of its weights."""

    @property
    def model_id(self) -> str: ...


Asked = TypeVar("Asked", bound=Answerer)


class Experiment(ABC):
    """What gives a ``Result``, and lays it out.

    name: of the command and in results. title: of the section. place: commands and sections stand
    in the order of places, those of the same place by name. protocol: how others measured the same.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    place: ClassVar[int] = LAST
    protocol: ClassVar[PublishedProtocol | None] = None

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """Results of this experiment, at least one, as Markdown and figures.

        Here: all metrics as they are, below what is not as in the protocol.
        """
        return all_metrics(results, labels, cls.protocol)


@dataclass(frozen=True)
class DataExperiment(Experiment, Generic[Asked]):
    """What is asked of a model about one sample, and what all answers come to.

    ``anymask evaluate NAME`` runs it. A frozen dataclass: its fields are what ``--set`` changes,
    and each has a default. It is sent to other processes by pickle.

    Rows are plain JSON values, so that they can be kept image by image, shared by processes, and
    read by people who want to know which masks went wrong.

    summary: a line for ``--help``.
    """

    summary: ClassVar[str]

    @property
    def needs_model(self) -> bool:
        """False for what is measured without one: a classical detector, to compare with."""
        return True

    def open(self, source: Source) -> tuple[Self, Dataset]:
        """The data, and the experiment as it is on them. Raises ``DatasetError``."""
        return self, source.open()

    @abstractmethod
    def load(self, source: ModelSource) -> Asked:
        """Who answers. Raises ``Error``."""

    @abstractmethod
    def timed(self, model: Asked) -> Any:
        """The same, with the ``seconds`` that its answers took."""

    @abstractmethod
    def options(self) -> Mapping[str, Any]:
        """All that a figure depends on besides model and data, as plain JSON values."""

    def notes(self, names: Collection[str]) -> Sequence[Unread]:
        """What of its own files (detections, a table) fits none of the samples of these names."""
        return ()

    def first_notes(self) -> Sequence[Unread]:
        """What of its own files can't be used, as far as it shows before any sample is read."""
        return ()

    @abstractmethod
    def rows(self, sam: Asked, sample: Sample) -> list[Row]:
        """What is found on one image: often a row a mask. Raises ``Error`` to pass over it."""

    @abstractmethod
    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """The figures of all rows; each row also has ``image``, the name of its sample."""

    def kept(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as the result has them, once all are there and the metrics are made."""
        return rows


@dataclass(frozen=True)
class ImageExperiment(DataExperiment[Segmenter]):
    """What is asked of a segmenter about one image, and what all answers come to."""

    def load(self, source: ModelSource) -> Segmenter:
        """Who answers. Raises ``Error``."""
        return source.load()

    def timed(self, model: Segmenter) -> Timed:
        """The same, with the ``seconds`` that its answers took."""
        return Timed.of(model)
