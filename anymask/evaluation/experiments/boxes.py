"""Instance segmentation from boxes: a detector says where, the model which pixels (§7.4, §D.4).

Shape legend: P boxes, M masks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import xywh_to_xyxy
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.core.rle import RLE
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation.experiment import Experiment, Row
from anymask.evaluation.measures.coco_ap import ScoredMask, average_precision, counted
from anymask.evaluation.measures.coco_truth import CocoTruth, Id, TrueImage, read_truth
from anymask.evaluation.measures.detections import (
    Detection,
    Detections,
    read_detections,
    true_boxes,
)

TRUE_BOXES = "true boxes"


@dataclass(frozen=True)
class Boxes(Experiment):
    """A mask for each detected box, and COCO's average precision of all.

    annotations: the COCO or LVIS file that the samples are of; detections: a detector's boxes in
    COCO's format, or "" for the true ones, which show what a perfect detector would reach. Both
    are paths or fsspec URLs. multimask: whether a box gets three masks, of which the most confident
    one is taken, or the one for clear prompts. refinements: how often that mask is given back with
    the box; the paper does it once. batch: boxes asked about at once; on it no figure depends.

    A mask has the score of its box; true boxes have none, and the predicted IoU stands in. Images
    without an object are not among the samples, so that what a detector sees there goes unpunished.
    """

    annotations: str
    detections: str = ""
    multimask: bool = True
    refinements: int = 1
    batch: int = 2

    def __post_init__(self) -> None:
        if self.refinements < 0 or self.batch < 1:
            raise Error("refinements must be 0 or more, and batch 1 or more")

    @property
    def name(self) -> str:
        """As ``anymask evaluate`` calls it."""
        return "boxes"

    @cached_property
    def truth(self) -> CocoTruth:
        """The annotations, read once a process. Raises ``RecordError``."""
        return read_truth(self.annotations)

    @cached_property
    def found(self) -> Detections:
        """The boxes that can be used, and which can't. Raises ``RecordError``."""
        if not self.detections:
            return true_boxes(self.truth)
        return read_detections(self.detections, self.truth)

    def notes(self, names: Collection[str]) -> tuple[Unread, ...]:
        """What of the detections can't be used, and why. Raises ``RecordError``."""
        return self.found.notes

    def options(self) -> Mapping[str, Any]:
        """Whose boxes, how they are asked about, and whose rules count. Raises ``RecordError``."""
        return {
            "boxes": f"sha256 {self.found.sha256}" if self.detections else TRUE_BOXES,
            "multimask": self.multimask,
            "refinements": self.refinements,
            "lvis": self.truth.is_lvis,
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """A detection with its mask a row, as COCO's results have them; one row with nothing but
        its id for an image without any."""
        image = self.truth.image_of(sample.name)
        boxes = self._asked(image)
        if not boxes:
            return [{"image_id": image.id}]
        embedding = sam.encode(sample.pixels())
        rows = []
        for first in range(0, len(boxes), self.batch):
            some = boxes[first : first + self.batch]
            masks, predicted_ious = self._answers(sam, embedding, some)
            rows += [_row(image.id, *one) for one in zip(some, masks, predicted_ious)]
        return rows

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """COCO's average precisions, and the number of boxes that could not be used."""
        found: dict[Id, list[ScoredMask]] = {row["image_id"]: [] for row in rows}
        for row in rows:
            if "segmentation" in row:
                one = ScoredMask(row["category_id"], row["score"], row["segmentation"])
                found[row["image_id"]].append(one)
        yield from average_precision(self.truth, found)
        yield "ignored_detections", float(self.found.ignored)

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read: another process reads it, too."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def _asked(self, image: TrueImage) -> list[Detection]:
        """The boxes of an image whose masks count."""
        boxes = list(self.found.of_image.get(image.id, ()))
        if not self.detections:
            return boxes
        which = counted(image, [x.category_id for x in boxes], [x.score or 0.0 for x in boxes])
        return [boxes[number] for number in which]

    def _answers(
        self, sam: Segmenter, embedding: ImageEmbedding, boxes: Sequence[Detection]
    ) -> tuple[list[RLE], list[float]]:
        """The masks of P boxes, and how sure the model is of each."""
        height, width = embedding.image_hw
        corners = xywh_to_xyxy([one.bbox_xywh for one in boxes])
        prompts = Prompts.of_boxes(np.clip(corners, 0, [width, height, width, height]))
        answer = sam.predict(embedding, prompts, self.multimask).best()
        for _ in range(self.refinements):
            answer = sam.predict(embedding, prompts.with_masks(answer.logits), False).best()
        return answer.to_rle(), answer.predicted_iou[:, 0].tolist()


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
