"""How much boxes overlap, with gradients.

Shape legend: N, G boxes, XYXY.
"""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-6


def pairwise_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """The IoU of each of (G, 4) with each of (N, 4): (G, N)."""
    shared, union = _shared_and_union(boxes[:, None], others[None])
    return shared / union.clamp(min=TINY)


def generalized_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """The generalized IoU (arXiv 1902.09630) of (N, 4) with (N, 4), in -1 to 1: (N,)."""
    shared, union = _shared_and_union(boxes, others)
    around = torch.maximum(boxes[:, 2:], others[:, 2:]) - torch.minimum(boxes[:, :2], others[:, :2])
    hull = around.prod(-1)
    return shared / union.clamp(min=TINY) - (hull - union) / hull.clamp(min=TINY)


def _shared_and_union(boxes: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Areas; the two broadcast."""
    first = torch.maximum(boxes[..., :2], others[..., :2])
    last = torch.minimum(boxes[..., 2:], others[..., 2:])
    shared = (last - first).clamp(min=0).prod(-1)
    areas = [(each[..., 2:] - each[..., :2]).clamp(min=0).prod(-1) for each in (boxes, others)]
    return shared, areas[0] + areas[1] - shared
