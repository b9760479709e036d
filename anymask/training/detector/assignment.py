"""Assignment: which cells answer for which object, by how well they do so already.

Task alignment (TOOD, arXiv 2108.07755, §3.2): of the cells near an object's centre those answer for
it whose score and box fit it best together. Their score is to be the IoU that they reach. The first
boxes of a new detector are as large as their cells, so that it begins with objects at the level of
their size, without rules for it.

The cells that answer are few, and of a few hundred images too few to learn boxes from. So all cells
near an object that its size suits learn its box, whoever answers for it (FCOS, arXiv 1904.01355).

Shape legend: N cells, G objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from anymask.models.detector import REACH, Cells
from anymask.training.detector.overlap import pairwise_iou

CELLS_EACH = 9  # answer for an object, at most
SCORE_POWER, IOU_POWER = 0.5, 3.0  # how much score and IoU count
NEAR = 2.5  # strides from an object's centre, or inside it if that is less
FITTING = 0.35, 2.0  # least and most of an object's side by that of a cell's first box
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which object a cell answers for, and what its score is to be.

    object_of: (N,) numbers of objects, -1 of none. quality: (N,) in 0-1, 0 of none. share: (N,) how
    much a cell's box counts, 1 for the best cell of each object, however badly it does so far.
    near_object: (N,) numbers of the objects whose boxes cells learn besides, -1 of none.
    """

    object_of: Tensor
    quality: Tensor
    share: Tensor
    near_object: Tensor


@torch.no_grad()
def assign(scores: Tensor, boxes_xyxy: Tensor, cells: Cells, objects_xyxy: Tensor) -> Assignment:
    """Cells of one image to its objects.

    scores: (N,) in 0-1; boxes_xyxy: (N, 4), what the cells say now. objects_xyxy: (G, 4).
    """
    count = len(scores)
    if not len(objects_xyxy):
        nothing = scores.new_zeros(count)
        none = scores.new_full((count,), -1, dtype=torch.long)
        return Assignment(none, nothing, nothing, none)
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
    near_object = _nearby(near, cells, objects_xyxy)
    return Assignment(torch.where(overlap >= 0, object_of, -1), quality, share, near_object)


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


def _nearby(near: Tensor, cells: Cells, objects_xyxy: Tensor) -> Tensor:
    """Which object's box each cell learns: (N,) numbers, -1 of none.

    near: (G, N), of ``is_near``. Of several the smallest object (FCOS, §3.2).
    """
    side = (objects_xyxy[:, 2:] - objects_xyxy[:, :2]).clamp(min=0).prod(-1, keepdim=True).sqrt()
    relative = side / (2 * REACH * cells.stride_px)  # (G, N)
    finest, coarsest = cells.stride_px.aminmax()
    least, most = FITTING
    is_large_enough = (relative > least) | (cells.stride_px == finest)
    is_small_enough = (relative < most) | (cells.stride_px == coarsest)
    smallest, object_of = torch.where(
        near & is_large_enough & is_small_enough, side, torch.inf
    ).min(dim=0)
    return torch.where(smallest.isfinite(), object_of, -1)
