"""Picture numbers: how models that were trained on ImageNet read pictures, and paint them.

Shape legend: B pictures, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from anymask.core.geometry import Floats
from anymask.core.in_context.palette import Pixels
from anymask.core.in_context.picture_numbers import IMAGE_MEAN, IMAGE_STD


class PictureNumbers:
    """Pictures as a model's numbers, and back."""

    def __init__(self, device: torch.device) -> None:
        self._mean, self._std = (
            torch.tensor(numbers, device=device).view(1, 3, 1, 1) * 255
            for numbers in (IMAGE_MEAN, IMAGE_STD)
        )

    def of(self, pictures: Sequence[Pixels]) -> Tensor:
        """(B, 3, H, W), normalised, of (H, W, 3) each."""
        stacked = torch.from_numpy(np.stack(pictures)).to(self._mean.device)
        return (stacked.permute(0, 3, 1, 2) - self._mean) / self._std

    def colors(self, painted: Tensor) -> Floats:
        """(H, W, 3) RGB of 0-255 and around, the mean of (B, 3, H, W)."""
        rgb = painted.float() * self._std + self._mean
        out: Floats = rgb.mean(0).permute(1, 2, 0).cpu().numpy()
        return out
