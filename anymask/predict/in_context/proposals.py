"""Proposals: masks of a SAM among which those of a thing that is looked for may be.

Shape legend: N masks, H W pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import nms
from anymask.predict.automatic import AutomaticConfig
from anymask.predict.predictor import Predictor

Mask = npt.NDArray[np.bool_]

# A coarser grid than everything-mode's, and masks that it would not trust: things of interest are
# large, and what is drawn badly loses against better ones anyway.
EVERYTHING = AutomaticConfig(
    points_per_side=16,
    fast=True,
    pred_iou_thresh=0.8,
    stability_score_thresh=0.85,
    box_nms_thresh=0.8,
)


def everything(
    sam: Predictor, embedding: ImageEmbedding, config: AutomaticConfig = EVERYTHING
) -> Mask:
    """(N, H, W): the masks of a grid of points, the surest first, each once."""
    candidates = list(sam.candidates(embedding, config.points(0, embedding.image_hw), config))
    boxes = np.array([one.runs.box_xyxy() for one in candidates], np.float32).reshape(-1, 4)
    kept = nms(boxes, [one.predicted_iou for one in candidates], config.box_nms_thresh)
    masks = [rle.decode(candidates[number].runs.to_rle()) for number in kept]
    return np.array(masks, bool).reshape(-1, *embedding.image_hw)
