"""What a detector's cells cost: the score by varifocal loss, the box by generalized IoU.

Masks of the first stage are the prominent objects only, and no data set has them all: a cell that
is sure of an object where nobody drew one may be right. So what a cell without an object costs
stops growing with its score (``doubt``), as background recalibration does (arXiv 2002.05274).

Shape legend: N cells, G objects.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.training.detector.assignment import Assignment
from anymask.training.detector.overlap import generalized_iou

# Of cells without an object: how much they count, and how fast less as their score falls
# (arXiv 2008.13367, eq. 2). Cells with one count by the quality that they are to say.
ALPHA, GAMMA = 0.75, 2.0


class DetectionLosses(NamedTuple):
    """Sums over one image's cells. qualities, shares: what they are divided by."""

    score: Tensor
    box: Tensor
    qualities: Tensor
    shares: Tensor


def detection_losses(
    scores: Tensor,
    boxes_xyxy: Tensor,
    assignment: Assignment,
    objects_xyxy: Tensor,
    counts: Tensor,
    doubt: float,
) -> DetectionLosses:
    """The losses of one image's cells, with gradients.

    scores: (N,) logits. boxes_xyxy: (N, 4). objects_xyxy: (G, 4). counts: (N,) bool, whether a cell
    without an object counts. doubt: the score in 0-1 above which such a cell, however much surer,
    pulls no more; 1 for never.
    """
    quality = assignment.quality
    is_object = assignment.object_of >= 0
    p = scores.sigmoid()
    surprise = F.binary_cross_entropy_with_logits(scores, quality, reduction="none")
    each = surprise * torch.where(is_object, quality, ALPHA * p.detach() ** GAMMA)
    is_doubtful = ~is_object & (p.detach() > doubt)
    score = each[(counts | is_object) & ~is_doubtful].sum()
    mine, share = boxes_xyxy[is_object], assignment.share[is_object]
    theirs = objects_xyxy[assignment.object_of[is_object]]
    box = ((1 - generalized_iou(mine, theirs)) * share).sum()
    return DetectionLosses(score, box, quality.sum(), share.sum())
