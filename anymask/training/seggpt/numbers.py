"""Numbers: pictures as a SegGPT's numbers, and back; and how right a mask is.

Shape legend: B pictures, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anymask.core.in_context.palette import Pixels
from anymask.core.in_context.picture_numbers import IMAGE_MEAN, IMAGE_STD

Mask = npt.NDArray[np.bool_]


class Numbers:
    """Pictures as the model's numbers, and back."""

    def __init__(self, device: torch.device) -> None:
        self._mean, self._std = (
            torch.tensor(numbers, device=device).view(1, 3, 1, 1) * 255
            for numbers in (IMAGE_MEAN, IMAGE_STD)
        )

    def of(self, pictures: Sequence[Pixels]) -> Tensor:
        """(B, 3, H, W), normalised, of (H, W, 3) each."""
        stacked = torch.from_numpy(np.stack(pictures)).to(self._mean.device)
        return (stacked.permute(0, 3, 1, 2) - self._mean) / self._std

    def colors(self, painted: Tensor) -> npt.NDArray[np.float32]:
        """(H, W, 3) RGB of 0-255 and around, of (1, 3, H, W)."""
        rgb = painted.float() * self._std + self._mean
        out: npt.NDArray[np.float32] = rgb[0].permute(1, 2, 0).cpu().numpy()
        return out


def iou(mask: Mask, truth: Mask, counts: Mask) -> float:
    """Of two masks, where pixels count; 1 where both are empty."""
    union = int(((mask | truth) & counts).sum())
    return int((mask & truth & counts).sum()) / union if union else 1.0


def mean_of_means(measured: Mapping[Any, Sequence[float]]) -> float:
    """Every group counts alike, however much there is of it; 0 of none."""
    return float(np.mean([np.mean(values) for values in measured.values()])) if measured else 0.0
