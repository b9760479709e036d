"""Proposals: masks of a SAM among which those of a thing that is looked for may be.

Shape legend: N masks, H W pixels of the image, y x pixels of the size that masks are kept at.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import nms
from anymask.core.in_context.regions import kept_size, resized
from anymask.core.metrics import mask_iou
from anymask.core.rough import rough_prompts
from anymask.predict.automatic import AutomaticConfig, Candidate
from anymask.predict.predictor import Predictor

Mask = npt.NDArray[np.bool_]

# A coarser grid than everything-mode's, and masks that it would not trust: things of interest are
# large, and what is drawn badly loses against better ones anyway.
EVERYTHING = AutomaticConfig(
    points_per_side=12,
    fast=True,
    pred_iou_thresh=0.8,
    stability_score_thresh=0.85,
    box_nms_thresh=0.7,
)
ALIKE = 0.5  # IoU from which on a redrawn mask is of the same thing


def everything(
    sam: Predictor, embedding: ImageEmbedding, config: AutomaticConfig = EVERYTHING
) -> Mask:
    """(N, y, x): the masks of a grid of points, the surest first, each once."""
    size = kept_size(embedding.image_hw)
    found = proposed(sam, embedding, config)
    masks = [resized(rle.decode(one.runs.to_rle()), size) for one in found]
    return np.array(masks, bool).reshape(-1, *size)


def proposed(
    sam: Predictor, embedding: ImageEmbedding, config: AutomaticConfig = EVERYTHING
) -> list[Candidate]:
    """The masks of a grid of points at full size, the surest first, each once."""
    candidates = list(sam.candidates(embedding, config.points(0, embedding.image_hw), config))
    boxes = np.array([one.runs.box_xyxy() for one in candidates], np.float32).reshape(-1, 4)
    kept = nms(boxes, [one.predicted_iou for one in candidates], config.box_nms_thresh)
    return [candidates[number] for number in kept]


def redrawn(sam: Predictor, embedding: ImageEmbedding, masks: list[Mask]) -> list[Mask]:
    """Rough masks (H, W) as the SAM draws them by their box, deepest point and shape.

    One that becomes something else stays as it is.
    """
    if not masks:
        return []
    answers = sam.predict(embedding, rough_prompts(np.array(masks), embedding.resize_map), False)
    drawn = answers.to_bool()[:, 0]
    return [new if mask_iou(old, new) >= ALIKE else old for old, new in zip(masks, drawn)]
