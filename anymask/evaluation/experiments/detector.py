"""Object detection: which objects a detector finds, and whether the masks of its boxes are right.

Shape legend: D detected boxes, N masks of them, G truths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import compress
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.detecting.figures import JudgedImage, box_figures
from anymask.core.detecting.matching import right_ones
from anymask.core.detecting.wanted_precision import threshold_for
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, xywh_to_xyxy, xyxy_to_xywh
from anymask.core.protocol import Segmenter
from anymask.core.rle import RLE
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.result import Row
from anymask.predict.detector import Detector, segment_detections

RIGHT_IOU = (0.5, 0.75)  # with a truth, from which a mask is right
MOSTLY = 0.5  # of a mask in regions that nobody decided about: then it doesn't count
PRECISIONS = (0.5, 0.6, 0.7, 0.8, 0.9)  # for which thresholds are looked for
DIGITS = 5


@dataclass(frozen=True)
class Detection(ImageExperiment):
    """Boxes of a detector over the model's embeddings by COCO's AP and AR, without categories; and
    which of the masks that the model draws for them are right.

    detector: folder of its checkpoint. least_score: of the boxes that get a mask.

    A mask is right if it has an IoU of 0.5 (0.75) or more with an object of its own. What is an
    object without a label counts as wrong, so that with labels that are not complete, AP and
    precisions are too low; recalls are not.
    """

    name: ClassVar[str] = "detector"
    title: ClassVar[str] = "Object detection"
    summary: ClassVar[str] = (
        "Boxes and masks of a detector (§4): AP, AR, precision (--set detector=RUN/best)."
    )
    place: ClassVar[int] = 55

    detector: str = ""
    least_score: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.least_score <= 1:
            raise Error("least_score is between 0 and 1")

    @cached_property
    def loaded(self) -> Detector:
        """The detector, read once a process. Raises ``Error``."""
        if not self.detector:
            raise Error("name a detector's checkpoint: --set detector=RUN/best")
        return Detector.load(self.detector)

    def options(self) -> Mapping[str, Any]:
        """Whose boxes, and which of them get masks."""
        return {"detector": self.loaded.model_id, "least_score": self.least_score}

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """One row (``row_of``)."""
        embedding = sam.encode(sample.pixels())
        return [row_of(sam, embedding, self.loaded, self.least_score, sample)]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """COCO's figures of boxes, and (``masks_…``) of the boxes around masks; thresholds of masks
        for some precisions, with intervals and the share of objects that are found."""
        yield from box_figures([judged_image(row) for row in rows]).items()
        masks = box_figures([judged_image(row, "mask_boxes", "mask_scores") for row in rows])
        yield from ((f"masks_{name}", value) for name, value in masks.items())
        objects = sum(sum(row["is_object"]) for row in rows)
        scores = [score for row in rows for score in row["mask_scores"]]
        if rows:
            yield "masks_per_image", len(scores) / len(rows)
        for least in RIGHT_IOU:
            at = f"{100 * least:.0f}"
            right = [is_right for row in rows for is_right in row["right"][at]]
            yield from _thresholds(scores, right, objects, at)

    def __getstate__(self) -> dict[str, Any]:
        """Without the detector: another process reads it, too."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def row_of(
    sam: Segmenter,
    embedding: ImageEmbedding,
    detector: Detector,
    least_score: float,
    sample: Sample,
) -> Row:
    """Boxes with their scores, the truth, and of each mask its box, its score and what is right.

    least_score: of the boxes that get a mask. Raises ``EmbeddingError`` for an embedding that
    ``sam`` or the detector can't read.
    """
    boxes, scores = detector.detect(embedding)
    masks = segment_detections(sam, embedding, detector, least_score)
    drawn = [annotation["segmentation"] for annotation in masks.annotations]
    counts, right = _judged(drawn, sample)
    return {
        "boxes": np.round(xyxy_to_xywh(boxes), 2).tolist(),
        "scores": np.round(scores, DIGITS).tolist(),
        "true_boxes": [rle.bbox_xywh(mask) for mask in sample.masks],
        "areas": [rle.area(mask) for mask in sample.masks],
        "is_object": list(sample.is_object),
        "mask_boxes": [rle.bbox_xywh(mask) for mask in compress(drawn, counts)],
        "mask_scores": list(compress(np.round(masks.scores, DIGITS).tolist(), counts)),
        "right": {f"{100 * least:.0f}": which for least, which in right.items()},
    }


def _thresholds(
    scores: Sequence[float], right: Sequence[bool], objects: int, at: str
) -> Iterator[tuple[str, float]]:
    """For each precision that can be had: threshold, what it leaves and finds, the interval's ends.

    objects: how many there are.
    """
    for wanted in PRECISIONS:
        try:
            precise = threshold_for(scores, right, wanted)
        except Error:
            return
        name = f"precision_{100 * wanted:.0f}_at_{at}"
        yield f"{name}_threshold", precise.threshold
        yield f"{name}_kept", float(precise.kept)
        yield f"{name}_recall", precise.precision * precise.kept / objects
        yield f"{name}_low", precise.low
        yield f"{name}_high", precise.high


def _judged(masks: Sequence[RLE], sample: Sample) -> tuple[list[bool], dict[float, list[bool]]]:
    """Which of N masks count at all, and for each IoU, of those that do, which are right."""
    truths = list(compress(sample.masks, sample.is_object))
    undecided = [mask for mask, known in zip(sample.masks, sample.is_object) if not known]
    iou = rle.iou(list(masks), truths)
    right = {least: right_ones(iou, least) for least in RIGHT_IOU}
    touches = iou.max(axis=1, initial=0.0) >= min(RIGHT_IOU)
    counts = touches | ~_lies_in(masks, undecided)
    return counts.tolist(), {
        least: list(compress(which.tolist(), counts.tolist())) for least, which in right.items()
    }


def _lies_in(masks: Sequence[RLE], regions: Sequence[RLE]) -> npt.NDArray[np.bool_]:
    """Which masks lie mostly in regions that nobody decided about."""
    if not regions:
        return np.zeros(len(masks), bool)
    region = rle.decode(rle.union(regions))
    return np.array([region[rle.decode(mask)].mean() > MOSTLY for mask in masks], bool)


def judged_image(row: Row, detected: str = "boxes", scores: str = "scores") -> JudgedImage:
    """The boxes of a row of ``row_of``, and what is there.

    detected, scores: fields of the boxes that are judged.
    """

    def boxes(name: str) -> Floats:
        return xywh_to_xyxy(np.array(row[name], np.float32).reshape(-1, 4))

    return JudgedImage(
        boxes(detected),
        np.array(row[scores], np.float32),
        boxes("true_boxes"),
        np.array(row["areas"]),
        ~np.array(row["is_object"], bool),
    )
