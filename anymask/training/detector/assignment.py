"""Assignment: which cells answer for which object, by how well they do so already.

Task alignment (TOOD, arXiv 2108.07755, §3.2): of the cells near an object's centre those answer for
it whose score and box fit it best together. Their score is to be the IoU that they reach. The first
boxes of a new detector are as large as their cells, so that it begins with objects at the level of
their size, without rules for it.

Shape legend: N cells, G objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from anymask.models.detector import Cells
from anymask.training.detector.overlap import pairwise_iou

CELLS_EACH = 9  # answer for an object, at most
SCORE_POWER, IOU_POWER = 0.5, 6.0  # how much score and IoU count
NEAR = 2.5  # strides from an object's centre, or inside it if that is less
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which object a cell answers for, and what its score is to be.

    object_of: (N,) numbers of objects, -1 of none. quality: (N,) in 0-1, 0 of none. share: (N,) how
    much a cell's box counts, 1 for the best cell of each object, however badly it does so far.
    """

    object_of: Tensor
    quality: Tensor
    share: Tensor


@torch.no_grad()
def assign(scores: Tensor, boxes_xyxy: Tensor, cells: Cells, objects_xyxy: Tensor) -> Assignment:
    """Cells of one image to its objects.

    scores: (N,) in 0-1; boxes_xyxy: (N, 4), what the cells say now. objects_xyxy: (G, 4).
    """
    count = len(scores)
    if not len(objects_xyxy):
        nothing = scores.new_zeros(count)
        return Assignment(scores.new_full((count,), -1, dtype=torch.long), nothing, nothing)
    iou = pairwise_iou(objects_xyxy, boxes_xyxy)  # (G, N)
    near = is_near(cells, objects_xyxy)
    fit = scores.clamp(min=TINY) ** SCORE_POWER * iou**IOU_POWER
    fit = torch.where(near, fit.clamp(min=TINY), 0.0)
    best = fit.topk(min(CELLS_EACH, count), dim=1)
    chosen = torch.zeros_like(fit).scatter(1, best.indices, best.values)  # 0 where not chosen
    # A cell that several objects chose is of the one that it overlaps most.
    overlap, object_of = torch.where(chosen > 0, iou, -1.0).max(dim=0)
    is_of = torch.zeros_like(fit, dtype=torch.bool)
    is_of[object_of, torch.arange(count, device=fit.device)] = overlap >= 0
    mine = torch.where(is_of, fit, 0.0)
    most_fit, most_iou = (x.amax(dim=1, keepdim=True) for x in (mine, torch.where(is_of, iou, 0)))
    shares = mine / most_fit.clamp(min=TINY)
    quality, share = (shares * most_iou).amax(dim=0), shares.amax(dim=0)
    return Assignment(torch.where(overlap >= 0, object_of, -1), quality, share)


def is_near(cells: Cells, objects_xyxy: Tensor) -> Tensor:
    """Which cells may answer for which objects: (G, N), some of each object.

    A cell inside the object's box and not far from its centre; and the cells in which the centre
    lies, as no centre of a cell may lie in a small box.
    """
    middle = (objects_xyxy[:, None, :2] + objects_xyxy[:, None, 2:]) / 2  # (G, 1, 2)
    half = (objects_xyxy[:, None, 2:] - objects_xyxy[:, None, :2]) / 2
    away = (cells.centres_xy - middle).abs()  # (G, N, 2)
    stride = cells.stride_px[:, None]
    limit = torch.maximum(torch.minimum(half, NEAR * stride), stride / 2)
    return (away <= limit).all(-1)
