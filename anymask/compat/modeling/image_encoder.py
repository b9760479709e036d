"""The image encoder as the official package shows it.

Shape legend: B images, C channels, h w embedding grid, S side of the model's input.
"""

from __future__ import annotations

import torch
from torch import Tensor

from anymask.compat.modeling.part import Part
from anymask.errors import ImageError
from anymask.models.tiny_vit import TinyViT
from anymask.models.vit import ViT


class ImageEncoder(Part[ViT | TinyViT]):
    """``ImageEncoderViT``: normalised (B, 3, S, S) to embeddings (B, C, h, w)."""

    @property
    def img_size(self) -> int:
        """S."""
        return self.module.config.image_px

    def __call__(self, x: Tensor) -> Tensor:
        side = self.img_size
        if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[1:] != (3, side, side):
            shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ImageError(
                f"image_encoder takes (B, 3, {side}, {side}) as sam.preprocess makes it, "
                f"not {shape}"
            )
        weight = next(self.module.parameters())
        with torch.no_grad():
            features: Tensor = self.module(x.to(weight.device, weight.dtype))
        return features.float()
