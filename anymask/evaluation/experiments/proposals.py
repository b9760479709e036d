"""Object proposals: whether everything-mode finds the objects that people labelled (§7.3, §D.3).

Shape legend: D proposals, G truths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np

from anymask.core import rle
from anymask.core.protocol import Segmenter
from anymask.core.rle import RLE
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation.experiment import Experiment, Row
from anymask.evaluation.measures.recall import FREQUENCIES, average_recalls, truth_fields
from anymask.predict.automatic import AutomaticConfig, segment_everything


@dataclass(frozen=True)
class Proposals(Experiment):
    """All masks of a grid, none left out for its scores, against all truths whatever they are.

    The paper's grid has 64 points a side, no crops, and duplicates above a box IoU of 0.9 removed,
    which leaves about 900 masks an image. Of more than the highest limit, the best stay, by the
    average of predicted IoU and stability; in this order they are also matched.

    limits: how many proposals to allow, one after the other. frequencies: from category to LVIS's
    letter (``coco_truth.frequencies_of``), to tell frequent, common and rare ones apart.
    """

    points_per_side: int = 64
    box_nms_thresh: float = 0.9
    limits: tuple[int, ...] = (10, 100, 1000)
    frequencies: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.limits or min(self.limits) < 1:
            raise Error(f"limits are numbers of proposals, 1 or more, not {self.limits}")

    @property
    def name(self) -> str:
        """As ``anymask evaluate`` calls it."""
        return "proposals"

    @property
    def config(self) -> AutomaticConfig:
        """What everything-mode is asked: predicted IoUs may be below 0, and all of them pass."""
        return AutomaticConfig(
            points_per_side=self.points_per_side,
            pred_iou_thresh=-np.inf,
            stability_score_thresh=0.0,
            box_nms_thresh=self.box_nms_thresh,
        )

    def options(self) -> Mapping[str, Any]:
        """Grid, duplicates, limits, and how many categories of each frequency are known."""
        letters = list(self.frequencies.values())
        return {
            "points_per_side": self.points_per_side,
            "box_nms_thresh": self.box_nms_thresh,
            "limits": list(self.limits),
            "frequencies": {name: letters.count(one) for one, name in FREQUENCIES.items()},
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """One row a truth: its group and area, its best proposal's IoU, at how many of the ten
        thresholds it was matched, and the number of the image's proposals."""
        masks = list(compress(sample.masks, sample.is_object))
        groups = list(compress(sample.groups, sample.is_object))
        if not masks:
            return []
        found = self.proposals(sam, sample)
        iou = rle.iou(found, masks)
        areas = [rle.area(mask) for mask in masks]
        frequencies = [self.frequencies.get(group or "") for group in groups]
        best = iou.max(axis=0, initial=0.0)
        return [
            {
                "group": group,
                "area": area,
                "proposals": len(found),
                "iou": round(float(overlap), 5),
                **fields,
            }
            for group, area, overlap, fields in zip(
                groups, areas, best, truth_fields(iou, areas, frequencies, self.limits)
            )
        ]

    def proposals(self, sam: Segmenter, sample: Sample) -> list[RLE]:
        """The masks of an image that have a pixel, best first. Raises ``ImageError``."""
        found = segment_everything(sam, sample.pixels(), self.config)
        scores = [-(one["predicted_iou"] + one["stability_score"]) for one in found]
        order = np.argsort(scores, kind="stable")
        masks = [found[number]["segmentation"] for number in order if found[number]["area"]]
        return masks[: max(self.limits)]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """``ar_10`` and so on, by area and frequency for the highest limit; the mean number of
        proposals."""
        yield from average_recalls(rows)
        counts = {row["image"]: row["proposals"] for row in rows}
        if counts:
            yield "proposals_per_image", sum(counts.values()) / len(counts)
