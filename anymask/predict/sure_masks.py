"""Sure masks: those of a detector's boxes that are most likely what a person would draw.

A detector's boxes are loose, and so are the masks that they prompt. So each box is answered by all
masks that the model has for it, the tight boxes around the best of them are asked about once more,
and all of them compete: by the detector's score of the box, the model's predicted IoU, and the
mask's stability, multiplied.

Shape legend: N boxes or masks, T mask tokens, h w low-resolution grid, s half of its side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.logits import MASK_THRESHOLD, stability_score
from anymask.core.mask_runs import MaskRuns, runs_and_stability
from anymask.core.prompts import Prompts
from anymask.core.rle import RLE
from anymask.errors import Error
from anymask.predict.detector import DetectedMasks, Detector
from anymask.predict.promptable import Promptable

ASKED = 40  # boxes of an image, the surest
AGAIN = 20  # masks, the surest, whose tight boxes are asked about
COPY_IOU = 0.85  # masks of one answer or another that are the same mask
OBJECT_IOU = 0.7  # masks that overlap by more are of one object: the surest stays
MOST_MASKS = 25  # of an image
STABILITY_OFFSET = 1.0  # of logits
AT_ONCE = 8  # boxes: all their masks are there at a time


@dataclass(frozen=True, eq=False)
class Candidate:
    """logits: (h, w). score: of its box and itself. detected: of the box alone, in 0-1."""

    logits: Floats
    resize_map: ResizeMap
    predicted_iou: float
    stability: float
    detected: float
    small: Floats  # (s · s,) of the mask, in 0-1

    @cached_property
    def runs(self) -> MaskRuns:
        """The mask at full size."""
        return runs_and_stability(self.logits, self.resize_map)[0]

    @property
    def score(self) -> float:
        """How likely it is right, in 0-1, but not as a chance: only the order counts."""
        return self.detected * min(1.0, max(0.0, self.predicted_iou)) * self.stability


def sure_masks(
    sam: Promptable, embedding: ImageEmbedding, detector: Detector, threshold: float = 0.0
) -> DetectedMasks:
    """The masks that score ``threshold`` or more, at most ``MOST_MASKS``, each object once.

    Raises ``Error`` for a threshold that is none, ``EmbeddingError`` for an embedding that the
    detector or ``sam`` can't read.
    """
    if not 0 <= threshold <= 1:
        raise Error(f"a threshold of scores is between 0 and 1, not {threshold}")
    boxes, scores = detector.detect(embedding)
    likely = scores >= threshold  # no mask of another gets there
    candidates = _distinct(_answers(sam, embedding, boxes[likely][:ASKED], scores[likely]))
    best = sorted(candidates, key=lambda one: -one.score)[:AGAIN]
    seen = [one for one in best if one.runs.area()]
    tight = np.array([one.runs.box_xyxy() for one in seen], np.float32).reshape(-1, 4)
    again = _answers(sam, embedding, tight, [one.detected for one in seen], clear=True)
    return _surest([*candidates, *again], embedding, threshold)


def _answers(
    sam: Promptable,
    embedding: ImageEmbedding,
    boxes: Floats,
    scores: Sequence[float] | Floats,
    *,
    clear: bool = False,
) -> list[Candidate]:
    """All masks for boxes (N, 4); clear: only the one for a prompt that leaves no doubt."""
    found = []
    for first in range(0, len(boxes), AT_ONCE):
        prompts = Prompts.of_boxes(boxes[first : first + AT_ONCE])
        sam.check(embedding, prompts)
        logits, iou = sam.answer([embedding], sam.collate([embedding], [prompts]))
        logits = _within(logits, embedding)
        tokens = 1 if clear else iou.shape[1]
        for number, token in np.ndindex(len(prompts), tokens):
            detected = float(scores[first + number])
            answer = logits[number, token], float(iou[number, token])
            found.append(_candidate(*answer, detected, embedding.resize_map))
    return [one for one in found if one.small.any()]


def _within(logits: Floats, embedding: ImageEmbedding) -> Floats:
    """Logits (N, T, h, w) without what lies in padding."""
    resize_map, side = embedding.resize_map, logits.shape[-1]
    height, width = (-(-each * side // resize_map.input_px) for each in resize_map.content_hw)
    logits = logits.copy()
    logits[..., height:, :] = logits[..., :, width:] = MASK_THRESHOLD - 2 * STABILITY_OFFSET
    return logits


def _candidate(
    logits: Floats, predicted_iou: float, detected: float, resize_map: ResizeMap
) -> Candidate:
    side = logits.shape[0] // 2
    small = (logits > MASK_THRESHOLD).reshape(side, 2, side, 2).mean((1, 3), dtype=np.float32)
    stability = stability_score(logits, MASK_THRESHOLD, STABILITY_OFFSET)
    return Candidate(logits, resize_map, predicted_iou, stability, detected, small.reshape(-1))


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Of masks that are the same the surest."""
    ordered = sorted(candidates, key=lambda one: -one.score)
    is_copy = _overlaps(ordered) > COPY_IOU
    kept: list[int] = []
    for number in range(len(ordered)):
        if not is_copy[number, kept].any():
            kept.append(number)
    return [ordered[number] for number in kept]


def _overlaps(candidates: Sequence[Candidate]) -> npt.NDArray[np.float32]:
    """IoU of all pairs, (N, N), coarsely."""
    if not candidates:
        return np.zeros((0, 0), np.float32)
    small = np.stack([one.small for one in candidates])
    shared, areas = small @ small.T, small.sum(axis=1)
    union = areas[:, None] + areas - shared
    return np.asarray(shared / np.maximum(union, 1e-6), np.float32)


def _surest(
    candidates: Sequence[Candidate], embedding: ImageEmbedding, threshold: float
) -> DetectedMasks:
    """Each object's surest mask, at full size."""
    kept: list[Annotation] = []
    there: list[RLE] = []
    scores: list[float] = []
    for one in sorted(candidates, key=lambda one: -one.score):
        if one.score < threshold or len(kept) == MOST_MASKS:
            break
        mask = one.runs.to_rle()
        if one.runs.area() and rle.iou([mask], there).max(initial=0.0) <= OBJECT_IOU:
            kept.append(_annotation(len(kept), mask, one))
            there.append(mask)
            scores.append(one.score)
    return DetectedMasks(Annotations(kept, embedding.image_hw), np.array(scores, np.float32))


def _annotation(number: int, mask: RLE, candidate: Candidate) -> Annotation:
    height, width = candidate.runs.image_hw
    return Annotation(
        id=number,
        segmentation=mask,
        bbox=rle.bbox_xywh(mask),
        area=candidate.runs.area(),
        predicted_iou=candidate.predicted_iou,
        stability_score=candidate.stability,
        point_coords=[],
        crop_box=[0.0, 0.0, float(width), float(height)],
    )
