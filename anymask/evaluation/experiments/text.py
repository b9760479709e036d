"""Text: the names of categories as words, found among everything in an image, or said to be absent.

What free text finds (*Segment Anything* §7.5) was published as pictures; this measures it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from anymask.core.words.meanings import plain
from anymask.core.words.named_things import NamedThings
from anymask.core.words.phrases import Thing
from anymask.datasets.benchmarks.few_shot import by_category
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import Error, explained
from anymask.evaluation.experiment import DataExperiment
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.evaluation.measures.paired import mean_interval
from anymask.evaluation.named_questions import (
    NamesAsked,
    TimedNames,
    iou_of_all,
    overlaps,
    questions_of,
    true_masks,
)
from anymask.evaluation.report.departures import variants
from anymask.evaluation.report.layout import Blocks, Labels
from anymask.evaluation.report.markdown import bare, count, escaped, per_cent, table
from anymask.evaluation.result import Result, Row
from anymask.evaluation.source import Source
from anymask.predict.load import ModelSource

EVERYTHING, TRUTH = "everything", "truth"
RIGHT = 0.5  # IoU from which the right thing was found
KINDS = {True: "seen", False: "unseen"}
FIGURES = ("recall_1", "lead", "miou", "precision", "recall")  # those with an interval
HEADS = ("recall at 1", "over the largest", "mIoU", "precision", "recall")


@dataclass(frozen=True)
class Text(DataExperiment[NamesAsked]):
    """Each name that an image has, and some that it has not, are asked about it.

    candidates: ``everything``, masks that the model finds, or ``truth``, the objects themselves.
    absent: how many names that an image has not are asked about it; none: as many as it has.
    smallest_px: of the longer side of an object; names of smaller ones alone are not asked.
    names, learned: all that may be asked, and those of them that the adapter has learned from.
    """

    name: ClassVar[str] = "text"
    title: ClassVar[str] = "Text to mask"
    summary: ClassVar[str] = (
        "Names of categories as words (Segment Anything, §7.5): recall at 1, mIoU, and whether a "
        "thing is there, of names that were learned from and of others."
    )
    place: ClassVar[int] = 95

    candidates: str = EVERYTHING
    absent: int | None = None
    smallest_px: int = 16
    seed: int = 0
    names: tuple[str, ...] = ()
    learned: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.candidates not in (EVERYTHING, TRUTH):
            raise Error(f"candidates are {EVERYTHING} or {TRUTH}, not {self.candidates!r}")
        if self.absent is not None and self.absent < 0:
            raise Error("absent is 0 or more")

    def open(self, source: Source) -> tuple[Self, Dataset]:
        """The data, with the names that they have. Raises ``DatasetError``."""
        dataset = source.open()
        names = self.names or tuple(sorted(by_category.read(dataset).images))
        return replace(self, names=names, learned=self.learned or _learned(names)), dataset

    def load(self, source: ModelSource) -> NamesAsked:
        """Everything's masks, ranked by encoders of the registry. Raises ``Error``."""
        try:
            from anymask.predict.words.load import load_words
            from anymask.predict.words.predictor import WordsPredictor
        except ModuleNotFoundError as missing:
            raise explained(missing) from None
        found = load_words(source)
        if not isinstance(found, WordsPredictor):
            raise Error(f"{found.model_id} does not choose among masks")
        return found

    def timed(self, model: NamesAsked) -> TimedNames:
        """The same, with the ``seconds`` that its answers took."""
        return TimedNames(model)

    def options(self) -> Mapping[str, Any]:
        """What is chosen among, and which names are asked."""
        return {
            "candidates": self.candidates,
            "absent": self.absent,
            "smallest_px": self.smallest_px,
            "names": len(self.names),
            "learned": sorted(self.learned),
            "seed": self.seed,
        }

    def rows(self, sam: NamesAsked, sample: Sample) -> list[Row]:
        """A row a name: how sure it is found, and, where it is there, how right."""
        asked = [*questions_of(sample, self.names, self.absent, self.smallest_px, self.seed)]
        if not asked:
            return []
        pixels, is_given = sample.pixels(), self.candidates == TRUTH
        if is_given:
            found = sam.candidates_of(pixels, true_masks(sample))
        else:
            found = sam.candidates(pixels)
        answers = sam.named(found, [one.name for one in asked])
        areas = np.array([one["area"] for one in found.masks])
        rows: list[Row] = []
        for question, named in zip(asked, answers):
            row: Row = {
                "name": question.name,
                "seen": question.name in self.learned,
                "there": question.is_there,
                "found": len(named.numbers),
                "sure": round(float(named.chances.max(initial=0)), 5),
            }
            if question.is_there:
                right = overlaps(found.masks, sample, question.name) >= RIGHT
                any_mask = len(right) > 0
                numbers = named.meant(Thing(question.name))  # as a name alone is answered
                meant = [found.masks[number] for number in numbers]
                row |= {
                    "right": any_mask and bool(right[named.chances.argmax()]),
                    "largest": any_mask and bool(right[areas.argmax()]),
                    "by_chance": round(float(right.mean()), 5) if any_mask else 0.0,
                    "iou": round(iou_of_all(meant, sample, question.name), 5),
                }
            rows.append(row)
        return rows

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """Of seen and unseen names: means over questions, and where they may lie.

        ``recall_1``: the likeliest candidate is right, however likely; ``largest``, ``by_chance``:
        another choice is; ``lead``: how much more often than the largest. ``miou``: of all that is
        found with all that is there. ``precision``, ``recall``: of being said to be there.
        """
        for is_seen, kind in KINDS.items():
            some = [row for row in rows if row["seen"] is is_seen]
            there = [row for row in some if row["there"]]
            yield f"questions_{kind}", float(len(there))
            yield from _figure(f"recall_1_{kind}", there, [row["right"] for row in there])
            for other in ("largest", "by_chance"):
                if there:
                    yield f"{other}_{kind}", float(np.mean([row[other] for row in there]))
            lead = [float(row["right"]) - float(row["largest"]) for row in there]
            yield from _figure(f"lead_{kind}", there, lead)
            yield from _figure(f"miou_{kind}", there, [row["iou"] for row in there])
            said = [row for row in some if row["found"]]
            yield from _figure(f"precision_{kind}", said, [row["there"] for row in said])
            yield from _figure(f"recall_{kind}", there, [row["found"] > 0 for row in there])

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """A row for each model, set and kind of names."""
        level = f"{100 * Bootstrap().level:g} %"
        for title, members in variants(results, unlike=("learned", "names")):
            if title:
                yield f"### {title}"
            yield (
                "Names of categories, in images that have them and in images that have not; seen "
                "are those that the adapter learned from. Recall at 1: the likeliest candidate has "
                f"an IoU of {RIGHT} or more with such an object. Precision and recall: of being "
                f"said to be there. In brackets the {level} interval of a bootstrap over images."
            )
            yield _table(members, labels)


def _learned(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that the shipped adapter has learned from. Raises ``CorruptFileError``."""
    try:
        from anymask.predict.words.names import ADAPTER
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    known = set(map(plain, NamedThings.read(ADAPTER).names))
    return tuple(name for name in names if plain(name) in known)


def _figure(
    name: str, rows: Sequence[Row], values: Sequence[float | bool]
) -> Iterator[tuple[str, float]]:
    """A mean over questions and the ends of its interval, as far as there are any."""
    if not rows:
        return
    numbers = np.array(values, float)
    yield name, float(numbers.mean())
    interval = mean_interval(numbers, [row["image"] for row in rows])
    if interval is not None:
        yield f"{name}_low", interval.low
        yield f"{name}_high", interval.high


def _table(results: Sequence[Result], labels: Labels) -> str:
    rows = []
    for result in results:
        for kind in KINDS.values():
            metrics = result.metrics
            figures = [_shown(metrics, f"{figure}_{kind}") for figure in FIGURES]
            name, data = f"**{escaped(labels.model(result))}**", escaped(bare(result.data))
            rows.append([name, data, kind, count(metrics.get(f"questions_{kind}")), *figures])
    return table(["model", "data", "names", "questions", *HEADS], rows, texts=3)


def _shown(metrics: Mapping[str, float], name: str) -> str:
    """A figure with its interval in brackets."""
    if f"{name}_low" not in metrics:
        return per_cent(metrics.get(name))
    low, high = per_cent(metrics[f"{name}_low"]), per_cent(metrics[f"{name}_high"])
    return f"{per_cent(metrics[name])} [{low}, {high}]"
