"""Clicks: how many of them a good mask takes, by RITM's protocol (Sofiiuk et al. 2021).

Shape legend: P objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.interaction import best_click, deepest_click
from anymask.core.protocol import Segmenter
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation import click_rounds as asking
from anymask.evaluation.click_rounds import Choice, Target
from anymask.evaluation.experiment import Experiment, Row

DIGITS = 5
TARGETS = {"85": 0.85, "90": 0.9}
WORSE = 1e-3  # a smaller loss of IoU is none


@dataclass(frozen=True)
class Clicks(Experiment):
    """Number of clicks to an IoU (NoC), and how the IoU rises and falls with them.

    A click goes where the deeper of the two errors is deepest. All ``clicks`` are made, so that
    curves are of all objects. first_multimask: the first click is answered by the surest of three
    masks. masks_per_image, smallest_px, seed, batch: ``Choice``.
    """

    clicks: int = 20
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
    def name(self) -> str:
        """As ``anymask evaluate`` calls it."""
        return "clicks"

    @property
    def choice(self) -> Choice:
        """Which masks are asked about."""
        return Choice(self.masks_per_image, self.smallest_px, self.seed, self.batch)

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
            for embedding, objects in asking.embedded(sam, sample, self.choice)
            for row in self._asked(sam, embedding, objects)
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

    def _asked(
        self, sam: Segmenter, embedding: ImageEmbedding, objects: Sequence[Target]
    ) -> Iterator[Row]:
        xy = np.array([best_click(one.truth)[0] for one in objects], np.float32)
        rounds = asking.play(
            sam, embedding, objects, xy, deepest_click, self.clicks, self.first_multimask
        )
        curves = zip(*[played.ious() for played in rounds])
        for one, ious in zip(objects, curves):
            row = {"mask": one.number, "group": one.group, "area": one.area}
            yield {**row, **_summary(ious)}


def _summary(ious: Sequence[float]) -> Row:
    rounded = [round(iou, DIGITS) for iou in ious]
    reached = {f"noc_{name}": _clicks_to(rounded, iou) for name, iou in TARGETS.items()}
    return {"ious": rounded, **reached}


def _clicks_to(ious: Sequence[float], target: float) -> int:
    """The first click after which the IoU is there; all of them if it never is."""
    return next((number for number, iou in enumerate(ious, start=1) if iou >= target), len(ious))
