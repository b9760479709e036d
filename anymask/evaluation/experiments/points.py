"""Points: what a click is worth, and further ones (§7.1, §D.1).

Shape legend: P objects, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.interaction import Click, Mask, best_click, next_click, random_points
from anymask.core.metrics import boundary_iou
from anymask.core.protocol import Segmenter
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation import click_rounds as asking
from anymask.evaluation.click_rounds import Choice, Round, Target
from anymask.evaluation.experiment import Experiment, Row

DIGITS = 5
CENTRE, RANDOM = "centre", "random"
SINGLES = ("oracle_1", "single_1", "boundary_iou_1")


@dataclass(frozen=True)
class Points(Experiment):
    """Mean IoU after so many clicks.

    clicks: after which to look. first: ``centre``, the object's deepest point, or ``random``, any
    pixel of it; each next click is the deepest point of what is missed or of what is too much,
    whichever is larger.
    single: ask, too, for the model's single mask for the first click, which takes a decoding more.
    masks_per_image, smallest_px, seed, batch: ``Choice``.
    """

    clicks: tuple[int, ...] = (1, 2, 3, 5, 9)
    first: str = CENTRE
    single: bool = True
    masks_per_image: int | None = None
    smallest_px: int = 0
    seed: int = 0
    batch: int = 2

    def __post_init__(self) -> None:
        self.choice.check()
        if not self.clicks or min(self.clicks) < 1:
            raise Error("clicks must be 1 or more")
        if self.first not in (CENTRE, RANDOM):
            raise Error(f"the first click is {CENTRE} or {RANDOM}, not {self.first!r}")

    @property
    def name(self) -> str:
        """As ``anymask evaluate`` calls it."""
        return "points"

    @property
    def choice(self) -> Choice:
        """Which masks are asked about."""
        return Choice(self.masks_per_image, self.smallest_px, self.seed, self.batch)

    def options(self) -> Mapping[str, Any]:
        """All that a figure depends on besides model and data."""
        return {
            "clicks": list(self.clicks),
            "first": self.first,
            "single": self.single,
            **self.choice.options(),
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """A row a mask: IoUs, area and first click. Raises ``Error``."""
        return [
            row
            for embedding, objects in asking.embedded(sam, sample, self.choice)
            for row in self._asked(sam, embedding, sample, objects)
        ]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """Means over all masks of all images, as the paper has them."""
        names = {f"iou_{number}": f"miou_{number}" for number in self.clicks}
        for key, name in {**names, **{one: one for one in SINGLES}}.items():
            values = [row[key] for row in rows if key in row]
            if values:
                yield name, float(np.mean(values))

    def _asked(
        self,
        sam: Segmenter,
        embedding: ImageEmbedding,
        sample: Sample,
        objects: Sequence[Target],
    ) -> list[Row]:
        xy = np.array([self._first_click(sample, one) for one in objects], np.float32)
        found: list[Row] = [
            {
                "mask": one.number,
                "group": one.group,
                "area": one.area,
                "click": [int(x), int(y)],
            }
            for one, (x, y) in zip(objects, xy)
        ]
        rounds = asking.play(sam, embedding, objects, xy, larger_error, max(self.clicks))
        for number, played in enumerate(rounds, start=1):
            if number == 1:
                self._look_closer(sam, embedding, played, found)
            if number in self.clicks:
                for row, iou in zip(found, played.ious()):
                    row[f"iou_{number}"] = round(iou, DIGITS)
        return found

    def _first_click(self, sample: Sample, target: Target) -> tuple[float, float]:
        if self.first == CENTRE:
            return best_click(target.truth)[0]
        drawn = asking.drawn_for(sample, target.number, self.seed, "first click")
        chance = np.random.default_rng(int.from_bytes(drawn)).random((1, 3))
        x, y = random_points(target.truth[None], chance[:, 0], chance[:, 1:])[0]
        return float(x), float(y)

    def _look_closer(
        self, sam: Segmenter, embedding: ImageEmbedding, played: Round, found: Sequence[Row]
    ) -> None:
        """The figures that only the first click has."""
        for row, several in zip(found, played.answers):
            row["oracle_1"] = round(max(answer.iou for answer in several), DIGITS)
            boundary = boundary_iou(several[0].target.truth, several[0].predicted)
            row["boundary_iou_1"] = round(boundary, DIGITS)
        if self.single:
            masks = sam.predict(embedding, played.prompts, False)
            objects = [several[0].target for several in played.answers]
            for row, several in zip(found, asking.compared(masks, objects)):
                row["single_1"] = round(several[0].iou, DIGITS)


def larger_error(truth: Mask, predicted: Mask, taken_xy: Floats) -> Click:
    """The deepest point of the larger error; who finds none points at the object once more."""
    return next_click(truth, predicted)
