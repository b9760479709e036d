"""SAM: image encoder, prompt encoder and mask decoder (*Segment Anything*, §3 and §A).

Shape legend: B images, P prompts, M masks, S side of the model's input, h w embedding grid.

``Sam(config).state_dict()`` has the names of the official checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.mask_decoder import ALL_TOKENS, MaskDecoder, MaskDecoderConfig
from anymask.models.prompt_encoder import PromptBatch, PromptEncoder
from anymask.models.text import TextConfig
from anymask.models.tiny_vit import TINY_VIT_5M, TinyViT, TinyViTConfig
from anymask.models.two_way import ImagePositions
from anymask.models.vit import VIT_B, VIT_H, VIT_L, ViT, ViTConfig

EncoderConfig = ViTConfig | TinyViTConfig


@dataclass(frozen=True)
class SamConfig:
    """Everything that fixes the shapes of a SAM, and how its pixels are normalised.

    mask_channels: inside the embedding of rough masks. pixel_mean, pixel_std: of red, green and
    blue, 0 to 255. text: which embeddings of text are prompts; None: none are.
    """

    encoder: EncoderConfig = VIT_B
    decoder: MaskDecoderConfig = field(default_factory=MaskDecoderConfig)
    mask_channels: int = 16
    pixel_mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    pixel_std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    text: TextConfig | None = None

    def looking_twice(self, hidden: int | None) -> SamConfig:
        """The same with a second look at masks (``mask_ranking``) of this width."""
        return replace(self, decoder=replace(self.decoder, ranking=hidden))


SAM_VIT_B = SamConfig(VIT_B)
SAM_VIT_L = SamConfig(VIT_L)
SAM_VIT_H = SamConfig(VIT_H)
MOBILE_SAM = SamConfig(TINY_VIT_5M)


class Sam(nn.Module):
    """The whole model, differentiable: images and prompts in, low-resolution logits out."""

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        self.config = config
        encoder = config.encoder
        self.image_encoder: ViT | TinyViT = (
            ViT(encoder) if isinstance(encoder, ViTConfig) else TinyViT(encoder)
        )
        self.prompt_encoder = PromptEncoder(
            config.decoder.width,
            encoder.grid,
            encoder.image_px,
            config.mask_channels,
            0 if config.text is None else config.text.width,
        )
        self.mask_decoder = MaskDecoder(config.decoder)

    def positions(self) -> ImagePositions:
        """The decoder's projections of the image's positions; they change only with the weights."""
        return self.mask_decoder.positions(self.prompt_encoder.dense_pe())

    def decode(
        self,
        features: Tensor,
        prompts: PromptBatch,
        positions: ImagePositions | None = None,
        which: slice = ALL_TOKENS,
    ) -> tuple[Tensor, Tensor]:
        """Decode prompts over (B, C, h, w) embeddings: logits (P, M, 4h, 4w) and IoUs (P, M).

        positions: as ``positions()`` gives them, if they are at hand. which: the mask tokens whose
        masks are computed.
        """
        logits, predicted_iou = self.mask_decoder(
            features,
            prompts.image_index,
            self.prompt_encoder(prompts),
            self.positions() if positions is None else positions,
            which,
        )
        return logits, predicted_iou

    def forward(self, images: Tensor, prompts: PromptBatch) -> tuple[Tensor, Tensor]:
        """Segment (B, 3, S, S) images that ``preprocess`` made.

        Gives logits (P, M, 4h, 4w) and predicted IoUs (P, M) for mask tokens 0 to M - 1.
        """
        return self.decode(self.image_encoder(images), prompts)

    def preprocess(self, pixels: Tensor) -> Tensor:
        """(..., 3, H, W) RGB of 0-255, no side above S, to normalised (..., 3, S, S).

        Zeros fill up below and to the right: the mean colour, as in the official code.
        """
        mean, std = (
            torch.tensor(values, device=pixels.device, dtype=torch.float32).view(3, 1, 1)
            for values in (self.config.pixel_mean, self.config.pixel_std)
        )
        side, (h, w) = self.config.encoder.image_px, pixels.shape[-2:]
        return F.pad((pixels.float() - mean) / std, (0, side - w, 0, side - h))
