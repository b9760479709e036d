"""TinyViT, the small hierarchical encoder that MobileSAM distilled from ViT-H.

TinyViT (arXiv 2207.10666) with MobileSAM's changes (arXiv 2306.14289): the last merging keeps
the resolution, so that the embedding is a 64×64 grid, and the neck is SAM's.

Shape legend: B images, C channels, h w token grid, H heads, D head width, s window side,
n windows of one image. Maps are (B, C, h, w) in channels-last memory, tokens (B, h, w, C):
one is a view of the other.

Parameter names are MobileSAM's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.half_products import HalfConv, SwitchedLinear
from anymask.models.layers import CAN_FUSE_CONV, CAN_FUSE_LINEAR, checkpointed, neck
from anymask.models.windows import NONE_ALIKE, AlikeRows, in_bands, join_windows, split_windows


@dataclass(frozen=True)
class TinyViTConfig:
    """Size of a TinyViT encoder. The defaults are TinyViT-5M as MobileSAM uses it."""

    widths: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (2, 4, 5, 10)
    windows: tuple[int, ...] = (7, 7, 14, 7)
    merge_strides: tuple[int, ...] = (2, 2, 1)
    image_px: int = 1024
    expand_ratio: int = 4
    mlp_ratio: int = 4
    out_channels: int = 256

    @property
    def grid(self) -> int:
        """Side of the embedding's grid, in cells."""
        side = self.image_px // 4
        for stride in self.merge_strides:
            side //= stride
        return side


TINY_VIT_5M = TinyViTConfig()


class ConvNorm(nn.Sequential):
    """A convolution and its batch norm, under MobileSAM's names ``c`` and ``bn``."""

    def __init__(
        self, width_in: int, width_out: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        padding = kernel // 2
        self.c = nn.Conv2d(width_in, width_out, kernel, stride, padding, groups=groups, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(width_out)
        self.fused = False
        self.rounded: HalfConv | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.rounded is not None:
            return self.rounded(x)
        out: Tensor = self.bn(self.c(x))
        return out

    def round_products(self, rounded: bool) -> None:
        """Multiply in bfloat16 from now on, or no more; only after ``fold``."""
        self.rounded = HalfConv.of(self.c) if rounded else None

    def gelu(self, x: Tensor) -> Tensor:
        """The layer followed by a GELU; if ``fused``, in one pass over memory."""
        if self.rounded is not None:
            return self.rounded(x, "gelu")
        if not self.fused:
            return F.gelu(self(x))
        c = self.c
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x.to(c.weight.dtype),
            c.weight,
            c.bias,
            c.padding,
            c.stride,
            c.dilation,
            c.groups,
            "gelu",
            [],
            "none",
        )
        return out

    @torch.no_grad()
    def fold(self) -> None:
        """Fold the batch norm's running statistics into the convolution, for inference only."""
        if not isinstance(self.bn, nn.BatchNorm2d):
            return
        bn, conv = self.bn, self.c
        assert bn.running_mean is not None
        assert bn.running_var is not None
        scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        self.c = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]
            conv.stride,  # type: ignore[arg-type]
            conv.padding,  # type: ignore[arg-type]
            groups=conv.groups,
        ).to(conv.weight)
        self.c.weight.copy_(conv.weight * scale[:, None, None, None])
        assert self.c.bias is not None
        self.c.bias.copy_(bn.bias - bn.running_mean * scale)
        self.bn = nn.Identity()


class PatchEmbed(nn.Module):
    """Two stride-2 convolutions: (B, 3, H, W) to (B, C, H/4, W/4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            ConvNorm(3, width // 2, kernel=3, stride=2),
            nn.GELU(),
            ConvNorm(width // 2, width, kernel=3, stride=2),
        )

    def forward(self, image: Tensor) -> Tensor:
        first, _, second = self.seq
        assert isinstance(first, ConvNorm)
        out: Tensor = second(first.gelu(image))
        return out.to(image.dtype)


class MBConv(nn.Module):
    """Inverted residual: expand, depth-wise 3×3, project, add."""

    def __init__(self, width: int, expand_ratio: int) -> None:
        super().__init__()
        hidden = width * expand_ratio
        self.conv1 = ConvNorm(width, hidden)
        self.conv2 = ConvNorm(hidden, hidden, kernel=3, groups=hidden)
        self.conv3 = ConvNorm(hidden, width)

    def transform(self, x: Tensor) -> Tensor:
        """Apply the block to a (B, C, h, w) map, or to a band of its rows."""
        hidden = self.conv2.gelu(self.conv1.gelu(x))
        return F.gelu(x + self.conv3(hidden).to(x.dtype))

    def alike(self, rows: AlikeRows) -> AlikeRows:
        """The rows of the answer that are alike."""
        return rows.near()

    def forward(self, x: Tensor, band_rows: int = 0, rows: AlikeRows = NONE_ALIKE) -> Tensor:
        return in_bands(self.transform, x, band_rows, halo=1, alike=self.alike(rows))


class PatchMerging(nn.Module):
    """Between stages: more channels, and half the resolution where ``stride`` is 2."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = ConvNorm(width_in, width_out)
        self.conv2 = ConvNorm(width_out, width_out, kernel=3, stride=stride, groups=width_out)
        self.conv3 = ConvNorm(width_out, width_out)

    def transform(self, x: Tensor) -> Tensor:
        """Apply the layer to a (B, C, h, w) map, or to a band of its rows."""
        out: Tensor = self.conv3(self.conv2.gelu(self.conv1.gelu(x)))
        return out.to(x.dtype)

    def alike(self, rows: AlikeRows) -> AlikeRows:
        """The rows of the answer that are alike."""
        return rows.near(self.stride)

    def forward(self, x: Tensor, band_rows: int = 0, rows: AlikeRows = NONE_ALIKE) -> Tensor:
        return in_bands(self.transform, x, band_rows, self.stride, halo=1, alike=self.alike(rows))


class Attention(nn.Module):
    """Window attention whose bias depends on the absolute offset of two tokens (LeViT)."""

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.side = side
        self.norm = nn.LayerNorm(width)
        self.qkv = SwitchedLinear(width, 3 * width)
        self.proj = SwitchedLinear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, side * side))
        self.frozen_bias: Tensor | None
        self.register_buffer("frozen_bias", None, persistent=False)

    def freeze(self) -> None:
        """Look the biases of all pairs up once and for all, for inference only."""
        self.frozen_bias = self.position_bias().detach()

    def position_bias(self) -> Tensor:
        """The learned bias of every pair of tokens in a window: (H, s·s, s·s)."""
        steps = torch.arange(self.side, device=self.attention_biases.device)
        offset = (steps[:, None] - steps[None, :]).abs()
        index = offset[:, None, :, None] * self.side + offset[None, :, None, :]
        return self.attention_biases[:, index.reshape(self.side**2, self.side**2)]

    def forward(self, x: Tensor) -> Tensor:
        _, h, w, c = x.shape
        qkv = self.qkv(self.norm(x))
        # The official code pads with zeros before the norm: such a token becomes the norm's bias.
        windows = split_windows(qkv, self.side, fill=self.qkv(self.norm.bias))
        # The official projection keeps each head's query, key and value together.
        per_head = windows.view(len(windows), self.side**2, self.heads, 3, c // self.heads)
        q, k, v = per_head.permute(3, 0, 2, 1, 4)
        bias = self.position_bias() if self.frozen_bias is None else self.frozen_bias
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias[None].to(q.dtype))
        mixed = mixed.transpose(1, 2).reshape(len(windows), self.side**2, c)
        out: Tensor = self.proj(join_windows(mixed, self.side, (h, w)).contiguous())
        return out.to(x.dtype)


class Mlp(nn.Module):
    """Norm and two linear layers over (..., C) tokens, under MobileSAM's names."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = SwitchedLinear(width, hidden)
        self.fc2 = SwitchedLinear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.fc1(self.norm(x), "gelu"))
        return out.to(x.dtype)


class TinyViTBlock(nn.Module):
    """Window attention, a depth-wise 3×3 convolution across the windows' borders, an MLP."""

    def __init__(self, width: int, heads: int, window: int, mlp_ratio: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads, window)
        self.local_conv = ConvNorm(width, width, kernel=3, groups=width)
        self.mlp = Mlp(width, width * mlp_ratio)

    def attend(self, x: Tensor) -> Tensor:
        """Add what attention finds to a (B, C, h, w) map that starts at a window's border."""
        out: Tensor = x + self.attn(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out

    def feed(self, x: Tensor) -> Tensor:
        """Add the MLP's answer to a (B, C, h, w) map."""
        out: Tensor = x + self.mlp(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out

    def alike(self, rows: AlikeRows) -> AlikeRows:
        """The rows of the answer that are alike."""
        return rows.in_windows(self.attn.side).near()

    def forward(self, x: Tensor, band_rows: int = 0, rows: AlikeRows = NONE_ALIKE) -> Tensor:
        side = self.attn.side
        x = in_bands(self.attend, x, -(-band_rows // side) * side, alike=rows.in_windows(side))
        x = self.local_conv(x).to(x.dtype)
        return in_bands(self.feed, x, band_rows, alike=self.alike(rows))


class Stage(nn.Module):
    """Blocks at one resolution, then the merging that leads to the next stage."""

    def __init__(self, blocks: list[nn.Module], downsample: PatchMerging | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def layers(self) -> Iterator[MBConv | TinyViTBlock | PatchMerging]:
        """All in turn."""
        for block in (*self.blocks, self.downsample):
            if isinstance(block, MBConv | TinyViTBlock | PatchMerging):
                yield block

    def alike(self, rows: AlikeRows) -> AlikeRows:
        """The rows of the answer that are alike."""
        for layer in self.layers():
            rows = layer.alike(rows)
        return rows

    def forward(
        self,
        x: Tensor,
        band_rows: int = 0,
        checkpointing: bool = False,
        rows: AlikeRows = NONE_ALIKE,
    ) -> Tensor:
        for layer in self.layers():
            if checkpointing and layer is not self.downsample:
                x = checkpointed(layer, x, band_rows)
            else:
                x = layer(x, band_rows, rows)
            rows = layer.alike(rows)
        return x


class TinyViT(nn.Module):
    """Image encoder: (B, 3, 1024, 1024) normalised pixels to a (B, 256, 64, 64) embedding.

    ``band_rows`` is the one switch between the plain computation (0) and the one that runs every
    layer over a few rows at a time, which is much faster on a CPU and gives the same numbers;
    without gradients what is padding below an image is computed once and copied.
    ``checkpointing`` is another: training keeps only what goes into each block and computes the
    block again for its gradients: one forward pass more, for a fraction of the memory.
    """

    def __init__(self, config: TinyViTConfig) -> None:
        super().__init__()
        self.config = config
        self.band_rows = 0
        self.checkpointing = False
        self.patch_embed = PatchEmbed(config.widths[0])
        self.layers = nn.ModuleList(_stage(config, i) for i in range(len(config.widths)))
        self.neck = neck(config.widths[-1], config.out_channels)

    def forward(self, image: Tensor) -> Tensor:
        x = image.contiguous(memory_format=torch.channels_last)
        rows = NONE_ALIKE
        if self.band_rows and not torch.is_grad_enabled():
            rows = AlikeRows.at_the_bottom(image).near(2).near(2)
        x = in_bands(self.patch_embed, x, self.band_rows, stride=4, halo=1, alike=rows)
        checkpointing = self.checkpointing and self.training and torch.is_grad_enabled()
        for layer in self.layers:
            assert isinstance(layer, Stage)
            x = layer(x, self.band_rows, checkpointing, rows)
            rows = layer.alike(rows)
        out: Tensor = self.neck(x)
        return out

    def fold_batch_norms(self) -> None:
        """Fold every batch norm into its convolution, and look position biases up.

        The encoder can't be trained afterwards.
        """
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()
            elif isinstance(module, Attention):
                module.freeze()

    def fuse_activations(self, fused: bool = True) -> None:
        """Compute convolutions and their GELU in one step, where this torch can (oneDNN, float32).

        fused: whether to; False undoes it.
        Only after ``fold_batch_norms``, and only on a CPU. The operator is one that torch's
        compiler emits, not a documented one, so its absence is no error.
        """
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fused = fused and CAN_FUSE_CONV and isinstance(module.bn, nn.Identity)
            elif isinstance(module, SwitchedLinear):
                module.fused = fused and CAN_FUSE_LINEAR

    def round_products(self, rounded: bool = True) -> None:
        """Multiply in bfloat16 what costs hardly anything in masks (``half_products``).

        rounded: whether to; False undoes it. Only after ``fold_batch_norms``, for inference in
        float32; the weights must not change afterwards.
        """
        for module in self.modules():
            if isinstance(module, SwitchedLinear):
                module.round_products(rounded)
            elif isinstance(module, MBConv):
                for conv in (module.conv1, module.conv2, module.conv3):
                    conv.round_products(rounded)


def _stage(config: TinyViTConfig, i: int) -> Stage:
    """Stage ``i``: convolutions at the finest resolution, window attention below."""
    width, last = config.widths[i], i == len(config.widths) - 1
    blocks: list[nn.Module] = [
        MBConv(width, config.expand_ratio)
        if i == 0
        else TinyViTBlock(width, config.heads[i], config.windows[i], config.mlp_ratio)
        for _ in range(config.depths[i])
    ]
    if last:
        return Stage(blocks, None)
    return Stage(blocks, PatchMerging(width, config.widths[i + 1], config.merge_strides[i]))
