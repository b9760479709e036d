"""Low-resolution logits to full-size masks, wherever the logits are.

Shape legend: N masks, h w low-resolution grid, H W pixels of the image, S side of the input.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.core.geometry import ResizeMap
from anymask.core.logits import MASK_THRESHOLD
from anymask.core.mask_runs import MaskRuns, runs_and_stability

CHUNK_PX = 1 << 26  # full-size logits that are on a device at once


def runs_and_stabilities(
    logits: Tensor, resize_map: ResizeMap, offset: float = 1.0
) -> list[tuple[MaskRuns, float]]:
    """``core.mask_runs.runs_and_stability`` of each of (N, h, w) logits, wherever they are."""
    if logits.device.type == "cpu":
        return [runs_and_stability(mask, resize_map, offset) for mask in logits.numpy()]
    return by_torch(logits, resize_map, offset)


def by_torch(logits: Tensor, resize_map: ResizeMap, offset: float) -> list[tuple[MaskRuns, float]]:
    """``runs_and_stabilities`` by torch alone: only the ends of runs leave the device."""
    height, width = resize_map.image_hw
    step = max(1, CHUNK_PX // (height * width))
    answers: list[tuple[MaskRuns, float]] = []
    for chunk in torch.split(logits, step):
        answers += _of_columns(_upsampled(chunk, resize_map), resize_map.image_hw, offset)
    return answers


def _upsampled(logits: Tensor, resize_map: ResizeMap) -> Tensor:
    """(N, h, w) logits to (N, W, H), column by column as run lengths have them."""
    side, (content_h, content_w) = resize_map.input_px, resize_map.content_hw
    square = _resized(logits.mT[:, None].contiguous(), (side, side))
    height, width = resize_map.image_hw
    return _resized(square[..., :content_w, :content_h], (width, height))[:, 0]


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


def _of_columns(
    columns: Tensor, image_hw: tuple[int, int], offset: float
) -> list[tuple[MaskRuns, float]]:
    """The runs and the stability of each of (N, W, H) logits."""
    smaller, larger = (
        (columns > MASK_THRESHOLD + sign * offset).sum(dim=(1, 2)) for sign in (1, -1)
    )
    stability = (smaller / larger.clamp(min=1)).tolist()
    mask = F.pad(columns > MASK_THRESHOLD, (1, 1), value=False)
    ends = torch.nonzero(mask[..., 1:] != mask[..., :-1])  # mask, column, row; starts, then stops
    counts = torch.bincount(ends[:, 0], minlength=len(columns)).tolist()
    parts = torch.split(ends[:, 1:].cpu(), counts)
    runs_of_each = (
        MaskRuns(part[::2, 0].numpy(), part[::2, 1].numpy(), part[1::2, 1].numpy(), image_hw)
        for part in parts
    )
    return list(zip(runs_of_each, stability))
