"""Clicks: how many of them a good mask takes, by RITM's protocol (Sofiiuk et al. 2021).

Shape legend: P objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.interaction import best_click, deepest_click
from anymask.core.protocol import Segmenter
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation.click_rounds import (
    ALL_OBJECTS,
    OPTION_WORDS,
    ObjectChoice,
    Target,
    click_rounds,
    targets_by_batch,
)
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.report import figures
from anymask.evaluation.report.departures import PublishedProtocol, notes, variants
from anymask.evaluation.report.layout import (
    Blocks,
    Column,
    Figure,
    Labels,
    by_number,
    heading,
    numbered,
    own_table,
)
from anymask.evaluation.report.markdown import decimals
from anymask.evaluation.result import Result, Row

DIGITS = 5
TARGETS = {"85": 0.85, "90": 0.9}
WORSE = 1e-3  # a smaller loss of IoU is none
CLICKS = 20

PROTOCOL = PublishedProtocol(
    "RITM's protocol (Sofiiuk et al., 2021)",
    {"clicks": CLICKS, **ALL_OBJECTS},
    words={
        "first_multimask": "first click answered by the surest of three masks",
        **OPTION_WORDS,
    },
)
NOC = (
    Column("NoC@85", "noc_85", decimals),
    Column("NoC@90", "noc_90", decimals),
    Column("failures@85", "failures_85"),
    Column("failures@90", "failures_90"),
    Column("worse", "worse_share"),
    Column("by", "worse_by"),
)
MIOU_AFTER = tuple(
    Column(f"mIoU after {number}", f"miou_after_{number}") for number in (1, 3, 5, 10, CLICKS)
)


@dataclass(frozen=True)
class Clicks(ImageExperiment):
    """Number of clicks to an IoU (NoC), and how the IoU rises and falls with them.

    A click goes where the deeper of the two errors is deepest. All ``clicks`` are made, so that
    curves are of all objects. first_multimask: the first click is answered by the surest of three
    masks. masks_per_image, smallest_px, seed, batch: ``ObjectChoice``.
    """

    name: ClassVar[str] = "clicks"
    title: ClassVar[str] = "Interactive segmentation"
    summary: ClassVar[str] = (
        "Twenty clicks on every object (RITM's protocol): how many it takes to an IoU."
    )
    place: ClassVar[int] = 20
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    clicks: int = CLICKS
    first_multimask: bool = True
    masks_per_image: int | None = None
    smallest_px: int = 0
    seed: int = 0
    batch: int = 2

    def __post_init__(self) -> None:
        self.choice.check()
        if self.clicks < 1:
            raise Error("clicks must be 1 or more")

    @property
    def choice(self) -> ObjectChoice:
        """Which masks are clicked on."""
        return ObjectChoice(self.masks_per_image, self.smallest_px, self.seed, self.batch)

    def options(self) -> Mapping[str, Any]:
        """All that a figure depends on besides model and data."""
        return {
            "clicks": self.clicks,
            "first_multimask": self.first_multimask,
            **self.choice.options(),
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """A row a mask: IoUs after each click, and clicks to each target. Raises ``Error``."""
        return [
            row
            for embedding, targets in targets_by_batch(sam, sample, self.choice)
            for row in self._clicked(sam, embedding, targets)
        ]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """Means over all masks of all images.

        An object fails that no click brought to the target; RITM counts those, too, that the last
        one did. ``worse_share`` is of all clicks but the first, ``worse_by`` the mean of the IoU
        that those which made it worse took.
        """
        if not rows:
            return
        curves = np.array([row["ious"] for row in rows])  # P clicks
        for name, iou in TARGETS.items():
            yield f"noc_{name}", float(np.mean([row[f"noc_{name}"] for row in rows]))
            yield f"failures_{name}", float((curves.max(axis=1) < iou).mean())
        for number, mean in enumerate(curves.mean(axis=0), start=1):
            yield f"miou_after_{number}", float(mean)
        falls = -np.diff(curves, axis=1)
        if falls.size:
            worse = falls > WORSE
            yield "worse_share", float(worse.mean())
            if worse.any():
                yield "worse_by", float(falls[worse].mean())

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """How many clicks a good mask takes, and the mIoU after each."""
        for number, (title, members) in enumerate(variants(results, PROTOCOL), start=1):
            yield from heading(title)
            yield " ".join(notes(members, PROTOCOL))
            most = members[0].options.get("clicks", CLICKS)
            yield own_table(members, labels, NOC)
            yield (
                f"NoC: clicks until the IoU is 85 or 90 %, {most} where they don't bring it there; "
                "failures: the share of these. worse: the share of clicks, the first excepted, "
                "that lowered the IoU, and by how much these did."
            )
            yield own_table(members, labels, MIOU_AFTER)
            series = {
                name: by_number(result, "miou_after_", range(1, most + 1))
                for name, result in labels.lines(members).items()
            }
            if any(series.values()):
                draw = partial(figures.interactive, series)
                yield Figure(numbered("interactive", number), "mIoU by the number of clicks", draw)

    def _clicked(
        self, sam: Segmenter, embedding: ImageEmbedding, targets: Sequence[Target]
    ) -> Iterator[Row]:
        """A row for each of P objects."""
        xy = np.array([best_click(target.truth)[0] for target in targets], np.float32)
        rounds = click_rounds(
            sam, embedding, targets, xy, deepest_click, self.clicks, self.first_multimask
        )
        curves = zip(*[click_round.ious() for click_round in rounds])
        for target, ious in zip(targets, curves):
            row = {"mask": target.number, "group": target.group, "area": target.area}
            yield {**row, **_summary(ious)}


def _summary(ious: Sequence[float]) -> Row:
    rounded = [round(iou, DIGITS) for iou in ious]
    reached = {f"noc_{name}": _clicks_to(rounded, iou) for name, iou in TARGETS.items()}
    return {"ious": rounded, **reached}


def _clicks_to(ious: Sequence[float], target: float) -> int:
    """The first click after which the IoU is there; all of them if it never is."""
    return next((number for number, iou in enumerate(ious, start=1) if iou >= target), len(ious))
