"""Object proposals: whether everything-mode finds the objects that people labelled (§7.3, §D.3).

Shape legend: D proposals, G truths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, ClassVar, Self

import numpy as np

from anymask.core import rle
from anymask.core.protocol import Segmenter
from anymask.core.rle import RLE
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import Error
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.measures.coco_truth import frequencies_of
from anymask.evaluation.measures.recall import FREQUENCIES, average_recalls, truth_fields
from anymask.evaluation.report.departures import PublishedProtocol, notes, variants
from anymask.evaluation.report.layout import (
    Blocks,
    Column,
    Labels,
    PublishedTable,
    heading,
    own_table,
    table_beside,
)
from anymask.evaluation.report.markdown import count
from anymask.evaluation.result import Result, Row
from anymask.evaluation.source import Source
from anymask.predict.automatic import AutomaticConfig, segment_everything

PROTOCOL = PublishedProtocol(
    "the paper (§7.3, §D.3)",
    {"points_per_side": 64, "box_nms_thresh": 0.9},
    words={
        "box_nms_thresh": "box IoU of duplicates",
        "points_per_side": "points a side of the grid",
    },
    unsaid=frozenset({"frequencies"}),
)
PARTS = ("small", "medium", "large", "frequent", "common", "rare")
PUBLISHED = PublishedTable.of_per_cent(
    "Table 4",
    "LVIS v1, validation split",
    ("ar_1000", *(f"ar_1000_{part}" for part in PARTS)),
    {
        "ViTDet-H": (63.0, 51.7, 80.8, 87.0, 63.1, 63.3, 58.3),
        "SAM, single output": (54.9, 42.8, 76.7, 74.4, 54.7, 59.8, 62.0),
        "SAM": (59.3, 45.5, 81.6, 86.9, 59.1, 63.9, 65.8),
    },
    trained=("ViTDet-H",),
)
RECALL = (Column("all", "ar_1000"), *(Column(part, f"ar_1000_{part}") for part in PARTS))
FEWER = (
    Column("AR@10", "ar_10"),
    Column("AR@100", "ar_100"),
    Column("proposals an image", "proposals_per_image", count),
)


@dataclass(frozen=True)
class Proposals(ImageExperiment):
    """All masks of a grid, none left out for its scores, against all truths whatever they are.

    The paper's grid has 64 points a side, no crops, and duplicates above a box IoU of 0.9 removed,
    which leaves about 900 masks an image. Of more than the highest limit, the best stay, by the
    average of predicted IoU and stability; in this order they are also matched.

    limits: how many proposals to allow, one after the other. frequencies: from category to LVIS's
    letter (``coco_truth.frequencies_of``), to tell frequent, common and rare ones apart.
    """

    name: ClassVar[str] = "proposals"
    title: ClassVar[str] = "Object proposals"
    summary: ClassVar[str] = (
        "Masks of everything against all objects of COCO or LVIS (§7.3): AR@1000."
    )
    place: ClassVar[int] = 40
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    points_per_side: int = 64
    box_nms_thresh: float = 0.9
    limits: tuple[int, ...] = (10, 100, 1000)
    frequencies: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.limits or min(self.limits) < 1:
            raise Error(f"limits are numbers of proposals, 1 or more, not {self.limits}")

    @property
    def config(self) -> AutomaticConfig:
        """What everything-mode is asked: predicted IoUs may be below 0, and all of them pass."""
        return AutomaticConfig(
            points_per_side=self.points_per_side,
            pred_iou_thresh=-np.inf,
            stability_score_thresh=0.0,
            box_nms_thresh=self.box_nms_thresh,
        )

    def open(self, source: Source) -> tuple[Self, Dataset]:
        """Images with masks; of LVIS also how frequent categories are. Raises ``DatasetError``."""
        dataset = source.open()
        if not dataset.annotations:
            return self, dataset
        return replace(self, frequencies=frequencies_of(dataset.annotations)), dataset

    def options(self) -> Mapping[str, Any]:
        """Grid, duplicates, limits, and how many categories of each frequency are known."""
        letters = list(self.frequencies.values())
        return {
            "points_per_side": self.points_per_side,
            "box_nms_thresh": self.box_nms_thresh,
            "limits": list(self.limits),
            "frequencies": {name: letters.count(letter) for letter, name in FREQUENCIES.items()},
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """One row a truth: its group and area, its best proposal's IoU, at how many of the ten
        thresholds it was matched, and the number of the image's proposals."""
        masks = list(compress(sample.masks, sample.is_object))
        groups = list(compress(sample.groups, sample.is_object))
        if not masks:
            return []
        proposals = self.proposals(sam, sample)
        iou = rle.iou(proposals, masks)
        areas = [rle.area(mask) for mask in masks]
        frequencies = [self.frequencies.get(group or "") for group in groups]
        best = iou.max(axis=0, initial=0.0)
        return [
            {
                "group": group,
                "area": area,
                "proposals": len(proposals),
                "iou": round(float(overlap), 5),
                **fields,
            }
            for group, area, overlap, fields in zip(
                groups, areas, best, truth_fields(iou, areas, frequencies, self.limits)
            )
        ]

    def proposals(self, sam: Segmenter, sample: Sample) -> list[RLE]:
        """The masks of an image that have a pixel, best first. Raises ``ImageError``."""
        annotations = segment_everything(sam, sample.pixels(), self.config)
        scores = [-(one["predicted_iou"] + one["stability_score"]) for one in annotations]
        ranked = [annotations[number] for number in np.argsort(scores, kind="stable")]
        masks = [one["segmentation"] for one in ranked if one["area"]]
        return masks[: max(self.limits)]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """``ar_10`` and so on, by area and frequency for the highest limit; the mean number of
        proposals."""
        yield from average_recalls(rows)
        counts = {row["image"]: row["proposals"] for row in rows}
        if counts:
            yield "proposals_per_image", sum(counts.values()) / len(counts)

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """Average recall of everything-mode beside Table 4."""
        for title, members in variants(results, PROTOCOL, unlike=["frequencies"]):
            yield from heading(title)
            yield " ".join(notes(members, PROTOCOL))
            yield "Mask AR@1000, by the size of objects and how frequent their category is:"
            ours = [(labels.model(result), result) for result in members]
            yield table_beside(ours, PUBLISHED, RECALL)
            yield own_table(members, labels, FEWER)
