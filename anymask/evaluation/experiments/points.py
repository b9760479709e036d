"""Points: what a click is worth, and further ones (§7.1, §D.1).

Shape legend: P objects, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.interaction import Click, Mask, best_click, next_click, random_points
from anymask.core.metrics import boundary_iou
from anymask.core.protocol import Segmenter
from anymask.datasets.benchmarks.suite import SUITE
from anymask.datasets.sample import Sample
from anymask.errors import Error, MissingExtraError
from anymask.evaluation.click_rounds import (
    ALL_OBJECTS,
    OPTION_WORDS,
    ClickRound,
    ObjectChoice,
    Target,
    answers_of,
    click_rounds,
    random_bytes,
    targets_by_batch,
)
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.kept_masks import keep_masks, thinned
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.evaluation.report import figures
from anymask.evaluation.report.departures import PublishedProtocol, notes, variants
from anymask.evaluation.report.layout import (
    Blocks,
    Column,
    Figure,
    Labels,
    by_model,
    by_number,
    heading,
    mean,
    numbered,
)
from anymask.evaluation.report.markdown import DASH, bare, count, escaped, per_cent, table
from anymask.evaluation.result import Result, Row

DIGITS = 5
CENTRE, RANDOM = "centre", "random"
SINGLES = ("oracle_1", "single_1", "boundary_iou_1")
CLICKS = (1, 2, 3, 5, 9)  # after which the paper looks

PROTOCOL = PublishedProtocol(
    "the paper (§7.1, §D.1)",
    {"clicks": list(CLICKS), "first": CENTRE, **ALL_OBJECTS},
    words={"first": "first point", **OPTION_WORDS},
    unsaid=frozenset({"single", "keep_masks"}),
)
SUITE_DATASETS = 23  # of Fig. 9
AT_ONE_POINT = (
    Column("oracle", "oracle_1"),
    Column("single", "single_1"),
    Column("boundary", "boundary_iou_1"),
)


@dataclass(frozen=True)
class Points(ImageExperiment):
    """Mean IoU after so many clicks.

    clicks: after which to look. first: ``centre``, the object's deepest point, or ``random``, any
    pixel of it; each next click is the deepest point of what is missed or of what is too much,
    whichever is larger.
    single: ask, too, for the model's single mask for the first click, which takes a decoding more.
    masks_per_image, smallest_px, seed, batch: ``ObjectChoice``.
    keep_masks: of so many objects, drawn by the seed, the result keeps truth and first answer, for
    `anymask rate`.
    """

    name: ClassVar[str] = "points"
    title: ClassVar[str] = "Single point"
    summary: ClassVar[str] = (
        "One click, and up to nine, on every object (Segment Anything, §7.1): mIoU."
    )
    place: ClassVar[int] = 10
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    clicks: tuple[int, ...] = CLICKS
    first: str = CENTRE
    single: bool = True
    masks_per_image: int | None = None
    smallest_px: int = 0
    seed: int = 0
    batch: int = 2
    keep_masks: int = 0

    def __post_init__(self) -> None:
        self.choice.check()
        if self.keep_masks < 0:
            raise Error("keep_masks must be 0 or more")
        if not self.clicks or min(self.clicks) < 1:
            raise Error("clicks must be 1 or more")
        if self.first not in (CENTRE, RANDOM):
            raise Error(f"the first click is {CENTRE} or {RANDOM}, not {self.first!r}")

    @property
    def choice(self) -> ObjectChoice:
        """Which masks are clicked on."""
        return ObjectChoice(self.masks_per_image, self.smallest_px, self.seed, self.batch)

    def options(self) -> Mapping[str, Any]:
        """All that a figure depends on besides model and data."""
        return {
            "clicks": list(self.clicks),
            "first": self.first,
            "single": self.single,
            **self.choice.options(),
            **({"keep_masks": self.keep_masks} if self.keep_masks else {}),
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """A row a mask: IoUs, area and first click. Raises ``Error``."""
        return [
            row
            for embedding, targets in targets_by_batch(sam, sample, self.choice)
            for row in self._clicked(sam, embedding, sample, targets)
        ]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """Means over all masks of all images, as the paper has them."""
        names = {f"iou_{number}": f"miou_{number}" for number in self.clicks}
        for key, name in {**names, **dict(zip(SINGLES, SINGLES))}.items():
            values = [row[key] for row in rows if key in row]
            if values:
                yield name, float(np.mean(values))

    def kept(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The masks of no more than ``keep_masks`` rows."""
        return thinned(rows, self.keep_masks, self.seed)

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """mIoU after some points, dataset by dataset, as Fig. 9 has it."""
        for number, (title, members) in enumerate(
            variants(results, PROTOCOL, {"keep_masks"}), start=1
        ):
            yield from heading(title)
            datasets = len({(result.data, result.data_fingerprint) for result in members})
            unlike = [f"{datasets} dataset{'s' * (datasets > 1)} instead of {SUITE_DATASETS}"]
            yield " ".join(notes(members, PROTOCOL, unlike * (datasets != SUITE_DATASETS)))
            yield _table(members, labels)
            yield (
                f"In brackets the {100 * Bootstrap().level:g} % interval of a bootstrap over "
                "images. After one point also: oracle, the best of three masks; single, the one "
                "mask for clear prompts; boundary, the boundary IoU of the surest mask."
            )
            yield from _figures(members, labels, number)

    def _clicked(
        self,
        sam: Segmenter,
        embedding: ImageEmbedding,
        sample: Sample,
        targets: Sequence[Target],
    ) -> list[Row]:
        """A row for each of P objects."""
        xy = np.array([self._first_click(sample, target) for target in targets], np.float32)
        rows: list[Row] = [
            {
                "mask": target.number,
                "group": target.group,
                "area": target.area,
                "click": [int(x), int(y)],
            }
            for target, (x, y) in zip(targets, xy)
        ]
        rounds = click_rounds(sam, embedding, targets, xy, larger_error, max(self.clicks))
        for number, click_round in enumerate(rounds, start=1):
            if number == 1:
                self._look_closer(sam, embedding, click_round, rows)
            if number in self.clicks:
                for row, iou in zip(rows, click_round.ious()):
                    row[f"iou_{number}"] = round(iou, DIGITS)
        return rows

    def _first_click(self, sample: Sample, target: Target) -> tuple[float, float]:
        if self.first == CENTRE:
            return best_click(target.truth)[0]
        seed = random_bytes(sample, target.number, self.seed, "first click")
        chance = np.random.default_rng(int.from_bytes(seed)).random((1, 3))
        x, y = random_points(target.truth[None], chance[:, 0], chance[:, 1:])[0]
        return float(x), float(y)

    def _look_closer(
        self, sam: Segmenter, embedding: ImageEmbedding, first: ClickRound, rows: Sequence[Row]
    ) -> None:
        """Put the figures into the rows that only the first click has."""
        for row, answers in zip(rows, first.answers):
            if self.keep_masks:
                keep_masks(row, answers[0].target.truth, answers[0].predicted)
            row["oracle_1"] = round(max(answer.iou for answer in answers), DIGITS)
            boundary = boundary_iou(answers[0].target.truth, answers[0].predicted)
            row["boundary_iou_1"] = round(boundary, DIGITS)
        if self.single:
            masks = sam.predict(embedding, first.prompts, False)
            targets = [answers[0].target for answers in first.answers]
            for row, answers in zip(rows, answers_of(masks, targets)):
                row["single_1"] = round(answers[0].iou, DIGITS)


def larger_error(truth: Mask, predicted: Mask, taken_xy: Floats) -> Click:
    """The deepest point of the larger error; who finds none points at the object once more."""
    return next_click(truth, predicted)


def miou_by_clicks(result: Result) -> dict[int, float]:
    """The mean IoUs of a result of this experiment by the number of clicks."""
    return by_number(result, "miou_", result.options.get("clicks", CLICKS))


def _table(results: Sequence[Result], labels: Labels) -> str:
    """A row a result, and the means over the datasets of a model."""
    numbers = sorted({*CLICKS, *(n for result in results for n in miou_by_clicks(result))})
    columns = [Column(f"{n} point{'s' * (n > 1)}", f"miou_{n}") for n in numbers]
    columns += AT_ONE_POINT
    deltas = {row.name.lower(): row.sam_minus_ritm for row in SUITE}
    beside = any(bare(result.data).lower() in deltas for result in results)
    head = [*labels.heads, "masks", *(column.head for column in columns)]
    rows = []
    for result in results:
        cells = [column.of(result.metrics) for column in columns]
        cells[numbers.index(1)] += _interval(result)
        delta = deltas.get(bare(result.data).lower())
        cells += [DASH if delta is None else f"{100 * delta:+.1f}"] * beside
        rows.append([*labels.cells(result), count(len(result.rows)), *cells])
    for members in by_model(results, labels).values():
        if len(members) > 1:
            name = [escaped(labels.model(members[0]))] * labels.compared
            means = [column.show(mean(members, column.metric)) for column in columns]
            rows.append([f"**mean of {len(members)}**", *name, "", "", *means, *[""] * beside])
    return table([*head, *["SAM less RITM (Fig. 9a)"] * beside], rows, labels.texts)


def _interval(result: Result) -> str:
    """The interval of the mIoU at one point, where there are images enough to tell."""
    rows = [row for row in result.rows if "iou_1" in row]
    try:
        iou = Bootstrap().mean([row["iou_1"] for row in rows], [row["image"] for row in rows])
    except MissingExtraError:
        raise
    except Error:
        return ""
    return f" ({per_cent(iou.low)}–{per_cent(iou.high)})"


def _figures(results: Sequence[Result], labels: Labels, number: int) -> Blocks:
    """mIoU by points, and how IoUs spread, of the first, second, … variant."""
    lines = labels.lines(results)
    series = {name: miou_by_clicks(result) for name, result in lines.items()}
    means = {n: mean(results, f"miou_{n}") for n in CLICKS if len(lines) > 1}
    shown = {n: value for n, value in means.items() if value is not None and not labels.compared}
    if any(series.values()):
        draw = partial(figures.single_point, series, shown)
        yield Figure(numbered("single-point", number), "mIoU by the number of points", draw)
    ious = {
        name: [row["iou_1"] for row in result.rows if "iou_1" in row]
        for name, result in lines.items()
    }
    if any(ious.values()):
        draw = partial(
            figures.histograms, {name: values for name, values in ious.items() if values}
        )
        caption = "How the IoUs after one point spread; the line is their mean"
        yield Figure(numbered("iou-histograms", number), caption, draw)
