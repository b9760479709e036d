"""In context: a class shown by one example or a few, and sought in another image (*SegGPT* §4.2).

The protocols are those of COCO-20i, PASCAL-5i and FSS-1000, as the code of HSNet (Min et al., 2021)
draws their questions; any other dataset with names of categories is asked about in the same way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from anymask.datasets.benchmarks.few_shot.recognise import open_few_shot
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import Error
from anymask.evaluation.episodes import Episode, class_mask, episodes_of, example_of, questions
from anymask.evaluation.experiment import DataExperiment
from anymask.evaluation.report.departures import PublishedProtocol, notes, variants
from anymask.evaluation.report.layout import Blocks, Labels, PublishedTable
from anymask.evaluation.report.markdown import bare, count, escaped, per_cent, table
from anymask.evaluation.result import Result, Row
from anymask.evaluation.source import Source
from anymask.evaluation.timed_in_context import TimedInContext
from anymask.predict.in_context.load import ENSEMBLES, load_in_context
from anymask.predict.in_context.predictor import InContextPredictor
from anymask.predict.load import ModelSource

EPISODES = 1_000
ONE, FIVE = "miou_1", "miou_5"

TOLD = ("shots", "ensemble", "folds", "classes")  # by the table itself

PROTOCOL = PublishedProtocol(
    "HSNet's protocol, which *SegGPT* follows (§4.2)",
    {"episodes": EPISODES},
    words={"episodes": "questions of a fold"},
    unsaid=frozenset(TOLD),
)
PUBLISHED = tuple(
    PublishedTable.of_per_cent("SegGPT, Table 1 and 2", data, (ONE, FIVE), {"ViT-L": figures})
    for data, figures in {
        "COCO-20i": (56.1, 67.9),
        "PASCAL-5i": (83.2, 89.8),
        "FSS-1000": (85.6, 89.3),
    }.items()
)


@dataclass(frozen=True)
class InContext(DataExperiment[InContextPredictor]):
    """mIoU over classes, the intersections and unions of all questions of a class summed up.

    shots: how many examples show the class. ensemble: how a SegGPT brings several together, feature
    or spatial; "": as it does by itself. episodes: questions of a fold. folds: which of them, from
    0 on; none: all. Masks are compared at the image's own size; undecided pixels don't count.
    """

    name: ClassVar[str] = "in-context"
    title: ClassVar[str] = "Segmentation by example"
    summary: ClassVar[str] = (
        "A class shown by one example or a few, sought in another image (COCO-20i, PASCAL-5i, "
        "FSS-1000, or any categories): mIoU."
    )
    place: ClassVar[int] = 80
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    shots: int = 1
    ensemble: str = ""
    episodes: int = EPISODES
    folds: tuple[int, ...] = ()
    seed: int = 0
    asked: Mapping[str, Episode] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.shots < 1 or self.episodes < 1:
            raise Error("shots and episodes are 1 or more")
        if self.ensemble and self.ensemble not in ENSEMBLES:
            raise Error(f"ensemble is one of {', '.join(ENSEMBLES)}, not {self.ensemble!r}")

    def open(self, source: Source) -> tuple[Self, Dataset]:
        """The questions, each a part of its own. Raises ``DatasetError``."""
        found = open_few_shot(source.data, source.open)
        if any(not 0 <= fold < len(found.folds) for fold in self.folds):
            raise Error(f"folds of {found.kind} are from 0 to {len(found.folds) - 1}")
        every = episodes_of(found, self.shots, self.episodes, self.seed)
        chosen = [one for one in every if not self.folds or one.fold in self.folds]
        asked = {episode.name: episode for episode in chosen}
        return replace(self, asked=asked), questions(chosen, found)

    def load(self, source: ModelSource) -> InContextPredictor:
        """A SegGPT where the weights are one, else what needs no training. Raises ``Error``."""
        return load_in_context(source, ensemble=self.ensemble)

    def timed(self, model: InContextPredictor) -> TimedInContext:
        """The same, with the ``seconds`` that its answers took."""
        return TimedInContext(model)

    def options(self) -> Mapping[str, Any]:
        """Examples, ensemble, and how many questions of which folds and classes."""
        return {
            "shots": self.shots,
            "ensemble": self.ensemble,
            "episodes": self.episodes,
            "folds": sorted({one.fold for one in self.asked.values()}),
            "classes": len({one.group for one in self.asked.values()}),
            "seed": self.seed,
        }

    def rows(self, sam: InContextPredictor, sample: Sample) -> list[Row]:
        """One row: pixels of the class and of the rest, right ones and those of either."""
        asked = self.asked[sample.name]
        examples = [example_of(part, asked.group) for part in asked.examples]
        truth, decided = class_mask(sample, asked.group)
        answer = sam.segment(sample.pixels(), examples)
        found = answer.mask() & decided
        right, either = int((found & truth).sum()), int((found | (truth & decided)).sum())
        pixels = int(decided.sum())
        return [
            {
                "fold": asked.fold,
                "group": asked.group,
                "intersection": right,
                "union": either,
                "rest_intersection": pixels - either,
                "rest_union": pixels - right,
                "iou": round(right / either if either else 1.0, 5),
                "score": round(answer.score, 5),
                "examples": [part.name for part in asked.examples],
            }
        ]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """``miou`` over folds, of each over its classes; ``fb_iou`` of class and rest, whatever the
        class; ``mean_iou`` over questions."""
        by_fold: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            by_fold[row["fold"]].append(row)
        folds = {fold: _class_mean(some) for fold, some in sorted(by_fold.items())}
        if not folds:
            return
        yield "miou", float(np.mean(list(folds.values())))
        yield "fb_iou", float(np.mean([_two_sided(some) for some in by_fold.values()]))
        yield "mean_iou", float(np.mean([row["iou"] for row in rows]))
        if len(folds) > 1:
            yield from ((f"miou_fold_{fold}", value) for fold, value in folds.items())

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """One example and several, each ensemble for itself, beside the published figures."""
        for _, members in variants(results, PROTOCOL, TOLD):
            yield " ".join(notes(members, PROTOCOL))
        yield (
            "mIoU over classes, of folds first. Published figures are of a model that learnt from "
            "COCO and PASCAL VOC, among others, though not from the classes of FSS-1000."
        )
        yield _table(results, labels)


def _class_mean(rows: Sequence[Row]) -> float:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        sums[row["group"]][0] += row["intersection"]
        sums[row["group"]][1] += row["union"]
    return float(np.mean([right / max(either, 1) for right, either in sums.values()]))


def _two_sided(rows: Sequence[Row]) -> float:
    sums = {
        side: sum(row[f"{side}intersection"] for row in rows)
        / max(sum(row[f"{side}union"] for row in rows), 1)
        for side in ("", "rest_")
    }
    return float(sum(sums.values()) / 2)


def _table(results: Sequence[Result], labels: Labels) -> str:
    """A row for each model, set and ensemble, a column for each number of examples."""
    shots = sorted({1, 5} | {int(result.options.get("shots", 1)) for result in results})
    lines: dict[tuple[str, ...], dict[int, Result]] = {}
    for result in results:
        model = labels.model(result)
        ensemble = str(result.options.get("ensemble", ""))
        data = result.data_kind if result.data_kind in _published() else bare(result.data)
        key = (model, ensemble, data)
        lines.setdefault(key, {})[int(result.options.get("shots", 1))] = result
    rows = []
    for (model, ensemble, data), by_shots in lines.items():
        name = f"**{escaped(model)}**" + (f", {ensemble} ensemble" if ensemble else "")
        asked = max(result.images for result in by_shots.values())
        figures = [
            per_cent(by_shots[number].metrics.get("miou") if number in by_shots else None)
            for number in shots
        ]
        rows.append([name, escaped(data), count(asked), *figures])
    for paper in PUBLISHED:
        for row in paper.rows:
            figures = [per_cent(row.metrics.get(f"miou_{number}")) for number in shots]
            rows.append([f"{paper.where}: {row.method}", paper.data, "", *figures])
    heads = [f"{number} example{'s' * (number > 1)}" for number in shots]
    return table(["method", "data", "questions", *heads], rows, texts=2)


def _published() -> set[str]:
    return {paper.data for paper in PUBLISHED}
