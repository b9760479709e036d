"""DINOv2: a vision transformer whose features say what things are (arXiv 2304.07193).

Plain global attention, a class token, absolute positions and a learned scale of what each layer
adds. It ends with whichever block its features are wanted of.

Shape legend: B images, C channels, h w token grid, L tokens (h·w and the class token), H heads,
D head width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.layers import MLPBlock
from anymask.models.vit import PatchEmbed

EPS = 1e-6  # of the layer norms


@dataclass(frozen=True)
class DinoV2Config:
    """Size of the encoder. The defaults are ViT-S/14's, cut after its eleventh block.

    depth: blocks that are there. features_of: blocks whose features are wanted, counted from 0.
    grid: side of the grid that the positions were learned on.
    """

    width: int = 384
    depth: int = 11
    features_of: tuple[int, ...] = (9, 10)
    heads: int = 6
    patch_px: int = 14
    grid: int = 37
    mlp_ratio: int = 4


class Attention(nn.Module):
    """Attention of all tokens to all."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) to (B, L, C)."""
        b, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(b, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(b, tokens, -1))
        return out


class Block(nn.Module):
    """A transformer block; ``scale1`` and ``scale2`` weigh the channels of what it adds."""

    def __init__(self, config: DinoV2Config) -> None:
        super().__init__()
        width = config.width
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = Attention(width, config.heads)
        self.scale1 = nn.Parameter(torch.ones(width))
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = MLPBlock(width, config.mlp_ratio * width, nn.GELU())
        self.scale2 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) to (B, L, C)."""
        x = x + self.scale1 * self.attn(self.norm1(x))
        out: Tensor = x + self.scale2 * self.mlp(self.norm2(x))
        return out


class DinoV2(nn.Module):
    """(B, 3, H, W) normalised pixels, sides whole patches, to (B, C, h, w) features of each block.

    positions: (1, 1 + grid², C), the class token's first; stretched to the grid of other sizes.
    """

    def __init__(self, config: DinoV2Config) -> None:
        super().__init__()
        self.config = config
        self.patch_px = config.patch_px
        self.patch_embed = PatchEmbed(config.patch_px, config.width)
        self.class_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + config.grid**2, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))

    def forward(self, image: Tensor) -> list[Tensor]:
        patches = self.patch_embed(image)
        b, height, width, channels = patches.shape
        tokens = torch.cat(
            [self.class_token.expand(b, -1, -1), patches.reshape(b, -1, channels)], dim=1
        )
        x = tokens + self._positions_on(height, width)
        features = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.config.features_of:
                grid = x[:, 1:].transpose(1, 2)
                features.append(grid.reshape(b, channels, height, width))
        return features

    def _positions_on(self, height: int, width: int) -> Tensor:
        """(1, 1 + h·w, C) positions of a grid."""
        side = self.config.grid
        if (height, width) == (side, side):
            return self.positions
        learned = self.positions[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        stretched = F.interpolate(learned, size=(height, width), mode="bicubic")
        return torch.cat([self.positions[:, :1], stretched.flatten(2).transpose(1, 2)], dim=1)
