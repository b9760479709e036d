"""The plain vision transformer with window attention: SAM's ViT-B, L and H (§A, image encoder).

Shape legend: B images, C channels, h w token grid (of a window: its own), H heads, D head width,
n windows of one image. Tokens travel as (B, h, w, C).

Parameter names are those of the official ``ImageEncoderViT``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.layers import MLPBlock, checkpointed, drop_path, fused_linear, neck
from anymask.models.windows import join_windows, split_windows


@dataclass(frozen=True)
class ViTConfig:
    """Size of a ViT encoder. The defaults are ViT-B's.

    image_px: the longer side of the input, and both sides unless ``image_hw`` says otherwise.
    image_hw: height and width of an input that is not square; None for a square.
    window: side of the windows, in tokens; they are square on any grid.

    Raises ``ValueError`` for an ``image_hw`` whose longer side is not ``image_px``, or that is not
    whole patches.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    global_blocks: tuple[int, ...] = (2, 5, 8, 11)
    image_px: int = 1024
    patch_px: int = 16
    window: int = 14
    mlp_ratio: float = 4.0
    out_channels: int = 256
    image_hw: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.image_hw is None:
            return
        if max(self.image_hw) != self.image_px:
            raise ValueError(f"image_px is {self.image_px} and image_hw is {self.image_hw}")
        if any(side % self.patch_px for side in self.image_hw):
            raise ValueError(f"{self.image_hw} is not whole patches of {self.patch_px} pixels")

    @property
    def grid_hw(self) -> tuple[int, int]:
        """Height and width of the token grid."""
        height, width = self.image_hw or (self.image_px, self.image_px)
        return height // self.patch_px, width // self.patch_px

    @property
    def grid(self) -> int:
        """Side of a square token grid. Raises ``ValueError`` for another."""
        height, width = self.grid_hw
        if height != width:
            raise ValueError(f"a grid of {height} rows and {width} columns has no one side")
        return height


VIT_B = ViTConfig()
VIT_L = ViTConfig(width=1024, depth=24, heads=16, global_blocks=(5, 11, 17, 23))
VIT_H = ViTConfig(width=1280, depth=32, heads=16, global_blocks=(7, 15, 23, 31))


def relative_positions(table: Tensor, side: int) -> Tensor:
    """Look up (2·side - 1, D) relative positions for all pairs: (side, side, D).

    Entry [i, j] belongs to query i and key j. A table of another length, from a model trained at
    another resolution, is interpolated linearly first.
    """
    if table.shape[0] != 2 * side - 1:
        stretched = F.interpolate(table.T[None], size=2 * side - 1, mode="linear")
        table = stretched[0].T
    steps = torch.arange(side, device=table.device)
    return table[steps[:, None] - steps[None, :] + side - 1]


class Attention(nn.Module):
    """Self-attention over a grid of tokens with decomposed relative positions (ViTDet).

    grid_hw: height and width of the grid: a window's, or the whole image's. ``is_plain`` is the
    switch for a model whose relative positions are all zero: they are not looked at. ``by_head`` is
    the one for inference that mixes a head at a time: of a large grid, its position bias stays in a
    processor's cache, and that of all heads is never there. Neither changes the numbers.
    """

    def __init__(self, width: int, heads: int, grid_hw: tuple[int, int]) -> None:
        super().__init__()
        self.heads = heads
        self.grid_hw = grid_hw
        self.is_plain = self.by_head = False
        height, columns = grid_hw
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * height - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * columns - 1, width // heads))

    def attend(self, qkv: Tensor, band_rows: int = 0) -> Tensor:
        """Mix (B·n, h·w, 3C) projected tokens into (B·n, h·w, C), before ``proj``.

        With ``band_rows`` the queries of that many rows at a time: the position bias of a whole
        64×64 grid would be as large as 16.8 million numbers a head.
        """
        b, tokens, _ = qkv.shape
        q, k, v = qkv.view(b, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        height, width = self.grid_hw
        if self.by_head and not self.is_plain:
            return self._mixed_by_head(q, k, v)
        rows = band_rows or height
        bands = []
        for top in range(0, height, rows):
            band = q[:, :, top * width : (top + rows) * width]
            bias = None if self.is_plain else self.position_bias(band, top)
            bands.append(F.scaled_dot_product_attention(band, k, v, attn_mask=bias))
        return torch.cat(bands, dim=2).transpose(1, 2).reshape(b, tokens, -1)

    def position_bias(self, q: Tensor, top: int) -> Tensor:
        """The relative-position term q·(R_h + R_w) of whole rows of queries from row ``top``.

        q: (B, H, rows·w, D); gives (B, H, rows·w, h·w).
        """
        height, width = self.grid_hw
        bias_h, bias_w = self._bias_parts(q, top)
        return (bias_h[..., :, None] + bias_w[..., None, :]).view(*q.shape[:3], height * width)

    def _bias_parts(self, q: Tensor, top: int) -> tuple[Tensor, Tensor]:
        """q·R_h (B, H, rows, w, h) and q·R_w (B, H, rows, w, w), of which the bias is the sum."""
        height, width = self.grid_hw
        grid = torch.unflatten(q, 2, (-1, width))  # B H rows w D
        rel_h = relative_positions(self.rel_pos_h, height)[top : top + grid.shape[2]]
        rel_w = relative_positions(self.rel_pos_w, width)
        bias_h = torch.einsum("bhyxd,ykd->bhyxk", grid, rel_h).contiguous()
        bias_w = torch.einsum("bhyxd,xkd->bhyxk", grid, rel_w).contiguous()
        return bias_h, bias_w

    def _mixed_by_head(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, h·w, C) of (B, H, h·w, D) each, one image and one head after the other."""
        b, heads, tokens, depth = q.shape
        height, width = self.grid_hw
        bias_h, bias_w = self._bias_parts(q, 0)
        bias = q.new_empty(height, width, height, width)
        mixed = q.new_empty(b, tokens, heads, depth)
        for image in range(b):
            for head in range(heads):
                part = (slice(image, image + 1), slice(head, head + 1))
                torch.add(
                    bias_h[image, head][..., :, None], bias_w[image, head][..., None, :], out=bias
                )
                mask = bias.view(1, 1, tokens, tokens)
                one = F.scaled_dot_product_attention(q[part], k[part], v[part], attn_mask=mask)
                mixed[image, :, head] = one[0, 0]
        return mixed.view(b, tokens, -1)


class Block(nn.Module):
    """A transformer block: adds to its tokens what ``attend`` gives, then what ``feed`` gives.

    Both come without the residual, so that a model may change what is added, as SegGPT does when
    it merges what several prompts see. ``window`` 0 means global attention. ``drop_path`` is how
    often training drops what either of them would add, per image. ``mlp.fused`` is the switch for
    oneDNN's linear layers, also in the attention.
    """

    def __init__(self, config: ViTConfig, window: int) -> None:
        super().__init__()
        width = config.width
        self.window = window
        self.drop_path = 0.0
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        grid_hw = (window, window) if window else config.grid_hw
        self.attn = Attention(width, config.heads, grid_hw)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLPBlock(width, int(width * config.mlp_ratio), nn.GELU())

    def attend(self, x: Tensor, band_rows: int = 0) -> Tensor:
        """What attention adds to (B, h, w, C) tokens, of their shape."""
        b, h, w, _ = x.shape
        linear = fused_linear if self.mlp.fused else _linear
        qkv = linear(self.norm1(x), self.attn.qkv)
        if self.window:
            # The official code pads with zeros after the norm: such a token projects to the bias.
            windows = split_windows(qkv, self.window, fill=self.attn.qkv.bias)
            mixed = join_windows(self.attn.attend(windows), self.window, (h, w))
        else:
            mixed = self.attn.attend(qkv.view(b, h * w, -1), band_rows).view(b, h, w, -1)
        return drop_path(linear(mixed, self.attn.proj), self.drop_path, self.training)

    def feed(self, x: Tensor) -> Tensor:
        """What the MLP adds to (B, h, w, C) tokens, of their shape."""
        return drop_path(self.mlp(self.norm2(x)), self.drop_path, self.training)

    def forward(self, x: Tensor, band_rows: int = 0) -> Tensor:
        x = x + self.attend(x, band_rows)
        return x + self.feed(x)


def _linear(x: Tensor, layer: nn.Linear) -> Tensor:
    out: Tensor = layer(x)
    return out


class PatchEmbed(nn.Module):
    """Image patches to tokens: (B, 3, H, W) to (B, h, w, C)."""

    def __init__(self, patch_px: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch_px, stride=patch_px)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.proj(image).permute(0, 2, 3, 1)
        return out


class ViT(nn.Module):
    """Image encoder: (B, 3, 1024, 1024) normalised pixels to a (B, 256, 64, 64) embedding.

    Or, with other sizes in the config, (B, 3, H, W) to (B, C, h, w).

    ``band_rows`` is the one switch between global attention of all queries at once (0) and of a
    few rows at a time, which saves most of its memory on a CPU and gives the same numbers.
    ``checkpointing`` is another: training keeps only what goes into each block and computes the
    block again for its gradients: one forward pass more, for a fraction of the memory.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.band_rows = 0
        self.checkpointing = False
        self.patch_embed = PatchEmbed(config.patch_px, config.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, *config.grid_hw, config.width))
        self.blocks = nn.ModuleList(
            Block(config, 0 if i in config.global_blocks else config.window)
            for i in range(config.depth)
        )
        self.neck = neck(config.width, config.out_channels)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed(image) + self.pos_embed
        again = self.checkpointing and self.training and torch.is_grad_enabled()
        for block in self.blocks:
            x = checkpointed(block, x, self.band_rows) if again else block(x, self.band_rows)
        out: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return out

    def set_drop_path(self, rate: float) -> None:
        """Let training drop blocks: the first never, the last at ``rate``, linear between (ViTDet).

        Raises ``ValueError`` unless 0 <= rate < 1.
        """
        stagger_drop_path(self.blocks, rate)


def stagger_drop_path(blocks: nn.ModuleList, rate: float) -> None:
    """Let training drop what blocks add: the first never, the last at ``rate``, linear between.

    Raises ``ValueError`` unless 0 <= rate < 1.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"drop path must be at least 0 and below 1, not {rate}")
    dropping = [block for block in blocks if isinstance(block, Block)]
    for i, block in enumerate(dropping):
        block.drop_path = rate * i / max(len(dropping) - 1, 1)
