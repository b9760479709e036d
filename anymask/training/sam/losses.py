"""What a mask costs: focal and dice loss, and the error of its predicted IoU (§3, §A).

Shape legend: P prompts, M masks of a prompt, h w low-resolution grid.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0  # Lin et al. 2017, which §A cites
MIDDLING_SHARE, LEAST_SHARE = 0.01, 3e-4  # of the model's input, that a mask covers


class MaskLosses(NamedTuple):
    """Of each mask: focal and dice loss, and the IoU that it really has; (P, M) each."""

    focal: Tensor
    dice: Tensor
    iou: Tensor


def mask_losses(logits: Tensor, truth: Tensor) -> MaskLosses:
    """Compare (P, M, h, w) logits with (P, h, w) bool truth, in float32.

    Focal loss is the mean over a mask's pixels; dice loss has one added to both sides of its
    fraction, so that it is defined for empty masks. The IoU carries no gradient.
    """
    x = logits.flatten(2).float()
    wanted = truth.flatten(1)[:, None].expand(-1, x.shape[1], -1)
    return MaskLosses(_focal(x, wanted.float()), _dice(x, wanted.float()), _overlap(x > 0, wanted))


def _focal(x: Tensor, wanted: Tensor) -> Tensor:
    signed = torch.where(wanted > 0, x, -x)  # the logit of being right
    surprise = -F.logsigmoid(signed)
    share = torch.where(wanted > 0, FOCAL_ALPHA, 1 - FOCAL_ALPHA)
    return (share * torch.sigmoid(-signed) ** FOCAL_GAMMA * surprise).mean(-1)


def _dice(x: Tensor, wanted: Tensor) -> Tensor:
    p = x.sigmoid()
    return 1 - (2 * (p * wanted).sum(-1) + 1) / (p.sum(-1) + wanted.sum(-1) + 1)


def mask_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """The IoU alone of (P, M, h, w) logits with (P, h, w) bool truth: (P, M), without gradient."""
    return _overlap(logits.flatten(2) > 0, truth.flatten(1)[:, None])


@torch.no_grad()
def _overlap(predicted: Tensor, wanted: Tensor) -> Tensor:
    shared = (predicted & wanted).sum(-1)
    return shared / (predicted | wanted).sum(-1).clamp(min=1)


def size_weights(truth: Tensor, power: float) -> Tensor:
    """How much each of (P, h, w) bool masks counts: (P,), 1 for one of a hundredth of the input.

    By the mask's share of the input to minus ``power``. Who annotates draws what is prominent
    (§4), while most objects are small: without it a model unlearns those.
    """
    share = truth.flatten(1).float().mean(dim=1).clamp(min=LEAST_SHARE)
    return (share / MIDDLING_SHARE) ** -power
