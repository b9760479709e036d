"""Instance segmentation from boxes: a detector says where, the model which pixels (§7.4, §D.4).

Shape legend: P boxes, M masks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, xywh_to_xyxy
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.core.rle import RLE
from anymask.datasets.coco.crowds import IGNORE, OBJECTS
from anymask.datasets.coco.ids import Id
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import DatasetError, Error, RecordError
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.measures.coco_ap import ScoredMask, average_precision, counted
from anymask.evaluation.measures.coco_truth import CocoTruth, TrueImage, read_truth
from anymask.evaluation.measures.detections import (
    Detection,
    Detections,
    read_detections,
    true_boxes,
)
from anymask.evaluation.report.departures import PublishedProtocol, notes, variants
from anymask.evaluation.report.layout import (
    Blocks,
    Column,
    Labels,
    PublishedTable,
    has,
    heading,
    own_table,
    table_beside,
)
from anymask.evaluation.report.markdown import escaped
from anymask.evaluation.result import Result, Row
from anymask.evaluation.source import Source

TRUE_BOXES = "true boxes"
PROTOCOL = PublishedProtocol(
    "the paper (§7.4, §D.4)",
    {"refinements": 1},
    words={"multimask": "the surest of three masks for a box"},
    unsaid=frozenset({"boxes", "lvis"}),
)
SIZES, FREQUENCIES = ("small", "medium", "large"), ("frequent", "common", "rare")
METRICS = ("ap", *(f"ap_{size}" for size in SIZES))
PUBLISHED_COCO = PublishedTable.of_per_cent(
    "Table 5",
    "COCO, validation split",
    METRICS,
    {"ViTDet-H": (51.0, 32.0, 54.3, 68.9), "SAM": (46.5, 30.8, 51.0, 61.7)},
    trained=("ViTDet-H",),
)
PUBLISHED_LVIS = PublishedTable.of_per_cent(
    "Table 5",
    "LVIS v1, validation split",
    METRICS,
    {"ViTDet-H": (46.6, 35.0, 58.0, 66.3), "SAM": (44.7, 32.5, 57.6, 65.5)},
    trained=("ViTDet-H",),
)
PRECISION = (Column("AP", "ap"), *(Column(size, f"ap_{size}") for size in SIZES))
MORE_PRECISION = (
    Column("AP50", "ap_50"),
    Column("AP75", "ap_75"),
    *(Column(frequency, f"ap_{frequency}") for frequency in FREQUENCIES),
)


@dataclass(frozen=True)
class Boxes(ImageExperiment):
    """A mask for each detected box, and COCO's average precision of all.

    annotations: the COCO or LVIS file that the samples are of, which ``open`` finds; detections: a
    detector's boxes in COCO's format, or "" for the true ones, which show what a perfect detector
    would reach. Both are paths or fsspec URLs. multimask: whether a box gets three masks, of which
    the most confident one is taken, or the one for clear prompts. refinements: how often that mask
    is given back with the box; the paper does it once. batch: boxes asked about at once; on it no
    figure depends. crowds_are_objects: whether what the file marks as crowds counts as objects,
    which ``open`` finds, too.

    A mask has the score of its box; true boxes have none, and the predicted IoU stands in. Images
    without an object are not among the samples, so that what a detector sees there goes unpunished.
    """

    name: ClassVar[str] = "boxes"
    title: ClassVar[str] = "Instance segmentation from boxes"
    summary: ClassVar[str] = (
        "Masks of a detector's boxes (§7.4): AP. Without detections: of the true boxes."
    )
    place: ClassVar[int] = 50
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    annotations: str = ""
    detections: str = ""
    multimask: bool = True
    refinements: int = 1
    batch: int = 2
    crowds_are_objects: bool = False

    def __post_init__(self) -> None:
        if self.refinements < 0 or self.batch < 1:
            raise Error("refinements must be 0 or more, and batch 1 or more")

    @cached_property
    def truth(self) -> CocoTruth:
        """The annotations, read once a process. Raises ``RecordError``."""
        return read_truth(self.annotations, OBJECTS if self.crowds_are_objects else IGNORE)

    @cached_property
    def boxes(self) -> Detections:
        """The boxes that can be used, and which can't. Raises ``RecordError``."""
        if not self.detections:
            return true_boxes(self.truth)
        return read_detections(self.detections, self.truth)

    def open(self, source: Source) -> tuple[Self, Dataset]:
        """The images of a COCO or LVIS file. Raises ``DatasetError`` for others."""
        dataset = source.open()
        if not dataset.annotations:
            raise DatasetError(
                f"boxes are those of a COCO or LVIS file; {source.data} is {dataset.kind}"
            )
        experiment = replace(
            self,
            annotations=dataset.annotations,
            crowds_are_objects=dataset.crowds_are_objects,
        )
        return experiment, dataset

    def notes(self, names: Collection[str]) -> tuple[Unread, ...]:
        """What of the detections can't be used, and why. Raises ``RecordError``."""
        return self.boxes.notes

    def first_notes(self) -> tuple[Unread, ...]:
        """The same: the detections are read before anything else. Raises ``RecordError``."""
        return self.boxes.notes

    def options(self) -> Mapping[str, Any]:
        """Whose boxes, how they are asked about, and whose rules count.

        Raises ``RecordError``, also where no detection fits the annotations, or there is none: an
        average precision of 0 would hide that.
        """
        if self.boxes.mismatch:
            raise RecordError(self.boxes.mismatch)
        return {
            "boxes": f"sha256 {self.boxes.sha256}" if self.detections else TRUE_BOXES,
            "multimask": self.multimask,
            "refinements": self.refinements,
            "lvis": self.truth.is_lvis,
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """A detection with its mask a row, as COCO's results have them; one row with nothing but
        its id for an image without any."""
        image = self.truth.image_of(sample.name)
        boxes = self._counted(image)
        height, width = sample.masks[0]["size"]
        sizes = {"image_hw": [height, width]} if image.image_hw is None else {}
        if not boxes:
            return [{"image_id": image.id, **sizes}]
        embedding = sam.encode(sample.pixels())
        rows = []
        for first in range(0, len(boxes), self.batch):
            batch = boxes[first : first + self.batch]
            masks, predicted_ious = self._answers(sam, embedding, batch)
            answers = zip(batch, masks, predicted_ious)
            rows += [{**_row(image.id, *answer), **sizes} for answer in answers]
        return rows

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """COCO's average precisions, and the number of boxes that could not be used."""
        of_image: dict[Id, list[ScoredMask]] = {row["image_id"]: [] for row in rows}
        for row in rows:
            if "segmentation" in row:
                mask = ScoredMask(row["category_id"], row["score"], row["segmentation"])
                of_image[row["image_id"]].append(mask)
        sizes = {row["image_id"]: tuple(row["image_hw"]) for row in rows if "image_hw" in row}
        yield from average_precision(self.truth.with_sizes(sizes), of_image)
        yield "ignored_detections", float(self.boxes.ignored)

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """Average precision of masks for boxes beside Table 5."""
        for title, members in variants(results, PROTOCOL):
            yield from heading(title)
            whose = str(members[0].options.get("boxes", ""))
            yield " ".join(notes(members, PROTOCOL, [f"{escaped(whose)} instead of ViTDet-H's"]))
            if whose == TRUE_BOXES:
                yield "True boxes are an upper bound: what a detector without errors would reach."
            published = PUBLISHED_LVIS if members[0].options.get("lvis") else PUBLISHED_COCO
            ours = [(labels.model(result), result) for result in members]
            yield table_beside(ours, published, PRECISION)
            there = [column for column in MORE_PRECISION if has(members, column)]
            yield own_table(members, labels, there)

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read: another process reads it, too."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _counted(self, image: TrueImage) -> list[Detection]:
        """The boxes of an image whose masks count."""
        boxes = list(self.boxes.of_image.get(image.id, ()))
        if not self.detections:
            return boxes
        which = counted(image, [x.category_id for x in boxes], [x.score or 0.0 for x in boxes])
        return [boxes[number] for number in which]

    def _answers(
        self, sam: Segmenter, embedding: ImageEmbedding, boxes: Sequence[Detection]
    ) -> tuple[list[RLE], list[float]]:
        """The masks of P boxes, and how sure the model is of each."""
        height, width = embedding.image_hw
        corners = xywh_to_xyxy([box.bbox_xywh for box in boxes])
        prompts = Prompts.of_boxes(_in_image(corners, width, height))
        answer = sam.predict(embedding, prompts, self.multimask).best()
        for _ in range(self.refinements):
            answer = sam.predict(embedding, prompts.with_masks(answer.logits), False).best()
        return answer.to_rle(), answer.predicted_iou[:, 0].tolist()


def _in_image(corners: Floats, width: int, height: int) -> Floats:
    """(P, 4) XYXY boxes cut to the image; one of which nothing remains becomes the nearest pixel.

    A detection that misses counts, and it counts against its detector.
    """
    corners = np.clip(corners, 0, [width, height, width, height])
    first, last = corners[:, :2], corners[:, 2:]
    flat = first >= last
    first = np.where(flat, np.minimum(np.floor(first), [width - 1, height - 1]), first)
    return np.concatenate([first, np.where(flat, first + 1, last)], axis=1).astype(np.float32)


def _row(image_id: Id, box: Detection, mask: RLE, predicted_iou: float) -> Row:
    """A detector's score is kept to the last digit: its order is what counts."""
    return {
        "image_id": image_id,
        "category_id": box.category_id,
        "bbox": [round(value, 5) for value in box.bbox_xywh],
        "score": round(predicted_iou, 5) if box.score is None else box.score,
        "predicted_iou": round(predicted_iou, 5),
        "segmentation": mask,
    }
