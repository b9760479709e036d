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
    """Sums over one image's cells: of scores, of the boxes of cells that answer, and of those near
    an object. qualities, shares, near_shares: what they are divided by.
    """

    score: Tensor
    box: Tensor
    near_box: Tensor
    qualities: Tensor
    shares: Tensor
    near_shares: Tensor


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
    box = _box_loss(boxes_xyxy, objects_xyxy, assignment.object_of, assignment.share)
    near = _near_shares(assignment.near_object, len(objects_xyxy))
    near_box = _box_loss(boxes_xyxy, objects_xyxy, assignment.near_object, near)
    return DetectionLosses(score, box, near_box, quality.sum(), assignment.share.sum(), near.sum())


def _box_loss(boxes_xyxy: Tensor, objects_xyxy: Tensor, object_of: Tensor, share: Tensor) -> Tensor:
    """Of the cells (N,) that have an object, by how much each counts."""
    has = object_of >= 0
    lack = 1 - generalized_iou(boxes_xyxy[has], objects_xyxy[object_of[has]])
    return (lack * share[has]).sum()


def _near_shares(near_object: Tensor, objects: int) -> Tensor:
    """(N,): large objects have many cells near them, and count by the root of how many."""
    has = near_object >= 0
    count = torch.bincount(near_object[has], minlength=objects)
    share = torch.zeros(len(near_object), device=near_object.device)
    share[has] = count[near_object[has]].float().rsqrt()
    return share
