"""What the second stage learns: how well each box of the first fits, and where it should be.

Beside what the first stage proposes it sees boxes near the true ones, so that it has something to
learn from the first step on.

Shape legend: R boxes that are looked into, G objects, g grid of the detector's finest cells.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.models.box_head import Looked
from anymask.training.detector.losses import ALPHA
from anymask.training.detector.overlap import generalized_iou, pairwise_iou

PROPOSED = 96  # boxes of an image, at most
ASTRAY = 0.12  # of its sides, by how much a true box is put wrong
OWN_IOU = 0.4  # with an object, above which a box is of it


class LookLosses(NamedTuple):
    """Sums over the boxes of an image. qualities, boxes: what they are divided by."""

    score: Tensor
    box: Tensor
    qualities: Tensor
    boxes: Tensor


def with_truths(proposed_xyxy: Tensor, objects_xyxy: Tensor) -> Tensor:
    """Proposed boxes, and each of (G, 4) objects put a little wrong, by chance."""
    sides = (objects_xyxy[:, 2:] - objects_xyxy[:, :2]).repeat(1, 2)
    wrong = objects_xyxy + ASTRAY * sides * torch.randn_like(objects_xyxy)
    first = wrong[:, :2].minimum(wrong[:, 2:] - 1)
    return torch.cat([proposed_xyxy, torch.cat([first, wrong[:, 2:]], 1)])


def look_losses(
    looked: Looked, boxes_xyxy: Tensor, objects_xyxy: Tensor, counts: Tensor, cell_px: float
) -> LookLosses:
    """The losses of one image, with gradients: varifocal, as of cells, and generalized IoU.

    looked: at boxes_xyxy (R, 4). objects_xyxy: (G, 4). counts: (g, g) bool, whether a box of no
    object with its centre there should say so. cell_px: side of g's cells.
    """
    overlap, object_of = _most(pairwise_iou(objects_xyxy, boxes_xyxy))
    is_object = overlap > OWN_IOU
    theirs = objects_xyxy[object_of[is_object]]
    fit = generalized_iou(looked.boxes_xyxy[is_object], theirs)
    reached = pairwise_iou(objects_xyxy, looked.boxes_xyxy.detach())
    quality = torch.zeros_like(overlap)
    quality[is_object] = reached[object_of[is_object], is_object.nonzero()[:, 0]]
    chance = looked.scores.detach().sigmoid()
    surprise = F.binary_cross_entropy_with_logits(looked.scores, quality, reduction="none")
    each = surprise * torch.where(is_object, 1.0, ALPHA * chance)
    middle = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    x, y = (middle / cell_px).long().clamp(0, len(counts) - 1).unbind(-1)
    score = each[counts[y, x] | is_object].sum()
    return LookLosses(score, (1 - fit).sum(), quality.sum(), is_object.sum())


def _most(iou: Tensor) -> tuple[Tensor, Tensor]:
    """Of (G, R): each box's highest, and which object's; 0 of the first where there is none."""
    if not len(iou):
        return iou.new_zeros(iou.shape[1]), iou.new_zeros(iou.shape[1], dtype=torch.long)
    highest, which = iou.max(dim=0)
    return highest, which
