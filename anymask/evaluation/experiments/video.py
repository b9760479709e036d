"""Video: objects of the first frame followed through a film, by DAVIS's J and F (*SegGPT* §4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from anymask.core import rle
from anymask.core.in_context.palette import Labels as FrameLabels
from anymask.datasets.benchmarks.films import Film, films_of
from anymask.datasets.listing import list_files, read_file
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, sample_of
from anymask.errors import Error
from anymask.evaluation.experiment import DataExperiment
from anymask.evaluation.measures.video_objects import (
    boundary_accuracy,
    decay,
    recall,
    region_similarity,
)
from anymask.evaluation.report.departures import PublishedProtocol, notes, variants
from anymask.evaluation.report.layout import (
    Blocks,
    Column,
    Labels,
    PublishedTable,
    heading,
    table_beside,
)
from anymask.evaluation.result import Result, Row
from anymask.evaluation.source import Source
from anymask.evaluation.timed_in_context import TimedVideo
from anymask.predict.in_context.load import load_follower
from anymask.predict.in_context.predictor import VideoPredictor
from anymask.predict.load import ModelSource

DIGITS = 5
KIND = "films (DAVIS)"
PROTOCOL = PublishedProtocol(
    "DAVIS's protocol, semi-supervised (Pont-Tuset et al., 2017)",
    {"last_counts": False},
    words={"last_counts": "the last frame counts"},
    unsaid=frozenset({"films"}),
)
FIGURES = (
    Column("J&F", "jf"),
    Column("J", "j_mean"),
    Column("J recall", "j_recall"),
    Column("J decay", "j_decay"),
    Column("F", "f_mean"),
    Column("F recall", "f_recall"),
    Column("F decay", "f_decay"),
    Column("worst film's J", "j_worst"),
)
PUBLISHED = PublishedTable.of_per_cent(
    "SegGPT, Table 3", "DAVIS 2017, validation split", ("jf",), {"ViT-L": (75.6,)}
)


@dataclass(frozen=True)
class Video(DataExperiment[VideoPredictor]):
    """J and F of every object of every film, whose first frame is given.

    last_counts: whether the last frame counts; DAVIS leaves it out, with the first.
    """

    name: ClassVar[str] = "video"
    title: ClassVar[str] = "Video object segmentation"
    summary: ClassVar[str] = "Objects of the first frame followed through films (DAVIS): J and F."
    place: ClassVar[int] = 85
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    last_counts: bool = False
    films: Mapping[str, Film] = field(default_factory=dict)

    def open(self, source: Source) -> tuple[Self, Dataset]:
        """A part for each film, of its first frame. Raises ``DatasetError``."""
        films = films_of(list_files(source.data))
        parts = tuple(Part(film.name, partial(_first_frame, film)) for film in films)
        dataset = Dataset(source.data, KIND, parts)
        return replace(self, films={film.name: film for film in films}), dataset

    def load(self, source: ModelSource) -> VideoPredictor:
        """Who follows. Raises ``Error``."""
        return load_follower(source)

    def timed(self, model: VideoPredictor) -> TimedVideo:
        """The same, with the ``seconds`` that its answers took."""
        return TimedVideo(model)

    def options(self) -> Mapping[str, Any]:
        """Which frames count, and how many films there are."""
        return {"last_counts": self.last_counts, "films": len(self.films)}

    def rows(self, sam: VideoPredictor, sample: Sample) -> list[Row]:
        """A row for each object of a film: J and F of each frame that counts. Raises ``Error``."""
        film = self.films[sample.name]
        first = film.frames[0].labels()
        numbers = np.unique(first[first > 0]).tolist()
        j: dict[int, list[float]] = {number: [] for number in numbers}
        f: dict[int, list[float]] = {number: [] for number in numbers}
        frames = (frame.pixels() for frame in film.frames)
        counted = film.frames[1:] if self.last_counts else film.frames[1:-1]
        names = {frame.name for frame in counted if frame.truth}
        if not names:
            raise Error("has no frame that counts: a first, a last, and one between with a truth")
        for frame, answer in zip(film.frames[1:], sam.follow(frames, first), strict=True):
            if frame.name not in names:
                continue
            truth = frame.labels()
            for number in numbers:
                both = answer.mask(number), truth == number
                j[number].append(round(region_similarity(*both), DIGITS))
                f[number].append(round(boundary_accuracy(*both), DIGITS))
        return [{"object": number, "j": j[number], "f": f[number]} for number in numbers]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """Means over objects of mean, recall and decay over frames; ``jf`` is the mean of J and F.

        ``j_worst``: of the film whose objects have the least J.
        """
        if not rows:
            return
        figures: dict[str, float] = {}
        for measure in ("j", "f"):
            curves = [row[measure] for row in rows]
            figures[f"{measure}_mean"] = float(np.mean([np.mean(curve) for curve in curves]))
            figures[f"{measure}_recall"] = float(np.mean([recall(curve) for curve in curves]))
            figures[f"{measure}_decay"] = float(np.mean([decay(curve) for curve in curves]))
        yield "jf", (figures["j_mean"] + figures["f_mean"]) / 2
        yield from figures.items()
        films = dict.fromkeys(row["image"] for row in rows)
        yield (
            "j_worst",
            min(
                float(np.mean([np.mean(row["j"]) for row in rows if row["image"] == film]))
                for film in films
            ),
        )

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """J and F beside the published figure, and what became of each film."""
        for title, members in variants(results, PROTOCOL, ("films",)):
            yield from heading(title)
            yield " ".join(notes(members, PROTOCOL))
            yield table_beside([(labels.model(one), one) for one in members], PUBLISHED, FIGURES)


def _first_frame(film: Film) -> Iterator[Sample | Unread]:
    frame = film.frames[0]
    labels: FrameLabels = frame.labels()
    masks = [(rle.encode(labels == number), None) for number in np.unique(labels[labels > 0])]
    yield sample_of(film.name, read_file(frame.image, frame.name), masks)
