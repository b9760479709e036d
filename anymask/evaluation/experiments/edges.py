"""Edges: contours of everything that clicks on a grid find, by the rules of BSDS500 (§7.2, §D.2).

Shape legend: P prompts, M masks each, K masks that are left, h w low-resolution grid, H W pixels,
T thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Self

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, mask_boxes, nms
from anymask.core.image import ImageSource, read_image
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter, at_first_sight
from anymask.datasets.benchmarks import bsds
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import Error
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.report import figures
from anymask.evaluation.report.departures import PublishedProtocol, notes, variants
from anymask.evaluation.report.figures import PrecisionRecall
from anymask.evaluation.report.layout import (
    Blocks,
    Column,
    Figure,
    Labels,
    PublishedTable,
    heading,
    numbered,
    table_beside,
)
from anymask.evaluation.report.markdown import three_decimals
from anymask.evaluation.result import Result, Row
from anymask.evaluation.rivals.edge_detectors import (
    DETECTORS,
    faded,
    normalised,
    sobel_gradient,
    thin_ridges,
)
from anymask.evaluation.source import Source
from anymask.predict.automatic import point_grid

DIGITS = 5
COUNTS = ("cnt_r", "sum_r", "cnt_p", "sum_p")
TOUCHING = np.ones((3, 3), np.uint8)
SCORES = ("ods", "ois", "ap", "r50")
Mask = npt.NDArray[np.bool_]

# The last three are the benchmark's own, whose standard metrics the paper takes.
PROTOCOL = PublishedProtocol(
    "the paper (§7.2, §D.2)",
    {
        "split": "test",
        "points_per_side": 16,
        "thresholds": 99,
        "thinned": True,
        "max_distance": 0.0075,
    },
    words={
        "box_nms_thresh": "box IoU of duplicates",
        "points_per_side": "points a side of the grid",
        "thinned": "edges thinned",
        "max_distance": "distance of matched pixels relative to the diagonal",
    },
    unsaid=frozenset({"detector"}),
    of_models=frozenset({"points_per_side", "box_nms_thresh"}),
)
PUBLISHED = PublishedTable.of(
    "Table 3",
    "BSDS500, test split (200 images)",
    SCORES,
    {
        "HED": (0.788, 0.808, 0.840, 0.923),
        "EDETR": (0.840, 0.858, 0.896, 0.930),
        "Sobel filter": (0.539, None, None, None),
        "Canny": (0.600, 0.640, 0.580, None),
        "Felz-Hutt": (0.610, 0.640, 0.560, None),
        "SAM": (0.768, 0.786, 0.794, 0.928),
    },
    trained=("HED", "EDETR"),
)
COLUMNS = tuple(Column(name.upper(), name, three_decimals) for name in SCORES)


@dataclass(frozen=True)
class Edges(ImageExperiment):
    """Edge maps against what people drew: ODS, OIS, AP and R50.

    split: of BSDS500. detector: "" for the segmenter; ``canny`` or ``sobel`` ask no model.
    points_per_side: of the grid of clicks. box_nms_thresh: IoU of boxes above which the lesser of
    two masks is redundant; §D.2 names none, 0.9 is what §D.3 has. thresholds: how many the map is
    cut at. thinned: whether what is above one is thinned, as the benchmark has it. max_distance: of
    paired pixels, relative to the image's diagonal. batch: clicks asked about at once; on it no
    figure depends.
    """

    name: ClassVar[str] = "edges"
    title: ClassVar[str] = "Edges"
    summary: ClassVar[str] = (
        "Contours of everything, by the rules of BSDS500 (§7.2): ODS, OIS, AP, R50."
    )
    place: ClassVar[int] = 30
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    split: str = "val"
    detector: str = ""
    points_per_side: int = 16
    box_nms_thresh: float = 0.9
    thresholds: int = 99
    thinned: bool = True
    max_distance: float = 0.0075
    batch: int = 64

    def __post_init__(self) -> None:
        if min(self.points_per_side, self.thresholds, self.batch) < 1:
            raise Error("points_per_side, thresholds and batch must be 1 or more")
        if self.max_distance <= 0:
            raise Error("max_distance must be more than 0")
        if self.detector and self.detector not in DETECTORS:
            known = " or ".join(map(repr, DETECTORS))
            raise Error(f'detector is {known}, or "" for the segmenter, not {self.detector!r}')

    @property
    def needs_model(self) -> bool:
        """A classical detector asks none."""
        return not self.detector

    @property
    def steps(self) -> tuple[float, ...]:
        """The thresholds: as far from each other as from 0 and 1."""
        return tuple(step / (self.thresholds + 1) for step in range(1, self.thresholds + 1))

    def open(self, source: Source) -> tuple[Self, Dataset]:
        """BSDS500's folder; of what else a source says, only how images are read counts."""
        return self, bsds.read(source.data, self.split, source.options.pixels)

    def options(self) -> Mapping[str, Any]:
        """All that a figure depends on besides model and data."""
        return {
            "split": self.split,
            "detector": self.detector,
            "points_per_side": self.points_per_side,
            "box_nms_thresh": self.box_nms_thresh,
            "thresholds": self.thresholds,
            "thinned": self.thinned,
            "max_distance": self.max_distance,
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """A row: pixel counts at each threshold (``boundaries.Counts``), and the image's best F."""
        from anymask.evaluation.measures import boundaries  # needs packages that few experiments do

        pixels = sample.pixels()
        edges = DETECTORS[self.detector](pixels) if self.detector else edge_map(sam, pixels, self)
        drawn = [rle.decode(mask) for mask in sample.masks]
        counts = boundaries.count(edges, drawn, self.steps, self.thinned, self.max_distance)
        return [
            {
                "annotators": len(drawn),
                "f": round(float(counts.f_measure.max()), DIGITS),
                **{name: getattr(counts, name).tolist() for name in COUNTS},
            }
        ]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """ODS, OIS, AP and R50 of all images, and the threshold of the first."""
        from anymask.evaluation.measures import boundaries

        if not rows:
            return
        images = [boundaries.Counts(*(np.array(row[name]) for name in COUNTS)) for row in rows]
        scores = boundaries.score(images, self.steps)
        yield "ods", scores.ods
        yield "ois", scores.ois
        yield "ap", scores.ap
        if scores.r50 is not None:
            yield "r50", scores.r50
        yield "ods_threshold", scores.ods_threshold

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """Contours on BSDS500 beside Table 3, with those of classical detectors."""
        unlike = ["detector", *PROTOCOL.of_models]
        for number, (title, members) in enumerate(variants(results, PROTOCOL, unlike), start=1):
            yield from heading(title)
            yield " ".join(notes(members, PROTOCOL))
            of_models = [result for result in members if not result.options.get("detector")]
            by_name = _told_apart(of_models, labels) + [
                (f"{labels.model(result)}, computed here", result)
                for result in members
                if result not in of_models
            ]
            yield table_beside(by_name, PUBLISHED, COLUMNS)
            curves = [_curve(name, result) for name, result in by_name]
            drawn = [curve for curve in curves if curve is not None]
            if drawn:
                draw = partial(figures.edges, drawn)
                yield Figure(numbered("edges", number), "Precision and recall of edges", draw)


def edge_map(sam: Segmenter, image: ImageSource, config: Edges | None = None) -> Floats:
    """Edges of an image as a segmenter sees them, one pixel wide: (H, W) in [0, 1] (§D.2).

    The outlines of all masks that clicks on a grid get, however sure of them it is; of redundant
    ones only the surest. Where several run, the strongest counts. Raises ``ImageError``.

    What the paper leaves open was settled on BSDS500's training images: the pixels around a mask
    did better than those on both sides of its boundary or all, smoothing before edge NMS better
    than none, and by far the most does it to pass over the border of the image, where masks end
    that have no edge there.
    """
    config = config or Edges()
    masks = distinct_masks(sam, sam.encode(read_image(image)), config)
    strength = np.zeros(masks.image_hw, np.float32)
    for logits in masks.full_logits():
        np.maximum(strength, outline(logits, masks.threshold), out=strength)
    return normalised(thin_ridges(faded(strength)))


def distinct_masks(sam: Segmenter, embedding: ImageEmbedding, config: Edges) -> Masks:
    """K × 1 masks of clicks on a grid, three each, without the empty and the redundant ones."""
    points = point_grid(config.points_per_side, embedding.image_hw)
    batches = np.array_split(points, range(config.batch, len(points), config.batch))
    answers = [_each_alone(_ask(sam, embedding, batch)) for batch in batches]
    boxes = np.concatenate([coarse_boxes(masks) for masks in answers])
    predicted_iou = np.concatenate([masks.predicted_iou[:, 0] for masks in answers])
    seen = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    kept = np.sort(seen[nms(boxes[seen], predicted_iou[seen], config.box_nms_thresh)])
    first = np.cumsum([0, *map(len, answers)])
    logits = [
        masks.logits[kept[(kept >= start) & (kept < start + len(masks))] - start]
        for masks, start in zip(answers, first)
    ]
    return replace(
        answers[0], logits=np.concatenate(logits), predicted_iou=predicted_iou[kept, None]
    )


def coarse_boxes(masks: Masks) -> Floats:
    """The XYXY boxes of P × 1 masks in pixels of the image, (P, 4), true to a cell of the logits.

    Zeros for a mask that has no cell above the threshold within the image.
    """
    resize_map = masks.resize_map
    cell_px = resize_map.input_px / masks.logits.shape[-1]
    rows, columns = (math.ceil(side / cell_px) for side in resize_map.content_hw)
    cells = mask_boxes(masks.logits[:, 0, :rows, :columns] > masks.threshold)
    corners = resize_map.to_image(cells.reshape(-1, 2, 2) * cell_px)
    return np.minimum(corners, masks.image_hw[::-1]).reshape(-1, 4).astype(np.float32)


def outline(logits: Floats, threshold: float = 0.0) -> Floats:
    """How steep the probability of a mask is at its outer boundary, 0 elsewhere: (H, W) to (H, W).

    The outer boundary are the pixels around the mask that touch it.
    """
    half = np.tanh((logits - np.float32(threshold)) / 2)  # a sigmoid that can't overflow
    probability = np.asarray(0.5 + 0.5 * half, np.float32)
    mask = (logits > threshold).astype(np.uint8)
    around = cv2.dilate(mask, TOUCHING) > mask
    return np.where(around, np.hypot(*sobel_gradient(probability)), np.float32(0))


def _ask(sam: Segmenter, embedding: ImageEmbedding, points: Floats) -> Masks:
    clicks = Prompts.of_points(points[:, None])
    return at_first_sight(sam).predict(embedding, clicks, multimask_output=True)


def _each_alone(masks: Masks) -> Masks:
    """(P, M) masks as (P · M, 1)."""
    logits = masks.logits.reshape(-1, 1, *masks.logits.shape[2:])
    return replace(masks, logits=logits, predicted_iou=masks.predicted_iou.reshape(-1, 1))


def _told_apart(results: Sequence[Result], labels: Labels) -> list[tuple[str, Result]]:
    """Results by the model's name and, where they differ in them, their options."""
    return [
        (", ".join(filter(None, [labels.model(result), title])), result)
        for title, members in variants(results, PROTOCOL)
        for result in members
    ]


def _curve(name: str, result: Result) -> PrecisionRecall | None:
    """Over all images, if the rows have counts of pixels."""
    rows = [row for row in result.rows if all(kind in row for kind in COUNTS)]
    if not rows or "ods" not in result.metrics:
        return None
    found, drawn, right, all_found = (
        np.sum([row[kind] for row in rows], axis=0, dtype=np.float64) for kind in COUNTS
    )
    recall, precision = found / np.maximum(drawn, 1), right / np.maximum(all_found, 1)
    return PrecisionRecall(name, recall.tolist(), precision.tolist(), result.metrics["ods"])
