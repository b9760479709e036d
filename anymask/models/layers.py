"""Small layers that several parts of the model share.

Shape legend: B images or prompts, C channels, h w grid.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

# Operators that torch's compiler emits, not documented ones: their absence is no error.
CAN_FUSE_LINEAR = hasattr(torch.ops.mkldnn, "_linear_pointwise")
CAN_FUSE_CONV = hasattr(torch.ops.mkldnn, "_convolution_pointwise")


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of a (B, C, h, w) map, as in the neck of ViTDet."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        # One fused kernel over the last axis: free for channels-last maps, one copy for others.
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class MLPBlock(nn.Module):
    """Two linear layers with a non-linearity between, under the official names.

    ``fused`` is the switch for ``fused_linear``, if the non-linearity is a GELU.
    """

    def __init__(self, width: int, hidden: int, activation: nn.Module) -> None:
        super().__init__()
        self.fused = False
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)
        self.act = activation

    def forward(self, x: Tensor) -> Tensor:
        if self.fused:
            return fused_linear(fused_linear(x, self.lin1, "gelu"), self.lin2)
        out: Tensor = self.lin2(self.act(self.lin1(x)))
        return out


class MLP(nn.Module):
    """A stack of linear layers with ReLU between: the mask decoder's heads."""

    def __init__(self, width_in: int, hidden: int, width_out: int, depth: int) -> None:
        super().__init__()
        widths = [width_in, *[hidden] * (depth - 1), width_out]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out


def drop_path(x: Tensor, rate: float, training: bool) -> Tensor:
    """Drop a residual branch (B, ...) of each sample with probability ``rate``, in training only.

    What survives is divided by 1 - rate, so that the expected value stays (stochastic depth,
    arXiv 1603.09382, as in ViTDet).
    """
    if not training or rate == 0:
        return x
    kept = x.new_empty(len(x), *[1] * (x.ndim - 1)).bernoulli_(1 - rate)
    return x * (kept / (1 - rate))


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Zero each number with probability ``rate``, in training only; divide the others by 1 - rate.

    Without a rate nothing is computed and no random number is drawn, unlike ``F.dropout``.
    """
    return F.dropout(x, rate) if training and rate else x


def checkpointed(block: nn.Module, *inputs: Any) -> Tensor:
    """``block(*inputs)``, all within it computed again when gradients need it, not kept until then.

    Gradients, random numbers and the statistics of batch norms are those of a plain call.
    """
    contexts = nullcontext(), _StatisticsAside(block)
    out: Tensor = checkpoint(block, *inputs, use_reentrant=False, context_fn=lambda: contexts)
    return out


class _StatisticsAside:
    """Gives batch norms copies of their running statistics: a batch must not count twice."""

    def __init__(self, block: nn.Module) -> None:
        self.norms = [module for module in block.modules() if isinstance(module, _BatchNorm)]
        self.held: list[dict[str, Tensor]] = []

    def __enter__(self) -> None:
        self.held = [dict(norm.named_buffers()) for norm in self.norms]
        for norm, buffers in zip(self.norms, self.held):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer.clone())

    def __exit__(self, *_: object) -> None:
        for norm, buffers in zip(self.norms, self.held):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)


def linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """GELU of a linear layer in one step: float32 on a CPU, no gradients, ``CAN_FUSE_LINEAR``."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "gelu", [], "none")
    return out


def linear_then_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same in two steps."""
    return F.gelu(F.linear(x, weight, bias))


def transposed_2x2(
    x: Tensor,
    layer: nn.ConvTranspose2d,
    linear: Callable[[Tensor, Tensor, Tensor], Tensor] = F.linear,
) -> Tensor:
    """Apply a 2×2, stride-2 transposed convolution to (..., C) positions: (..., 4, C').

    linear: the product, with whatever comes after it.

    The four are the new rows and columns (0, 0), (0, 1), (1, 0), (1, 1) of each position.
    """
    weight, bias = as_linear(layer)
    rows = x.flatten(0, -2)  # exported graphs have an operator for rows that adds the bias, too
    return linear(rows, weight, bias).view(*x.shape[:-1], 4, -1)


def as_linear(layer: nn.ConvTranspose2d) -> tuple[Tensor, Tensor]:
    """Weight (4·C', C) and bias (4·C',) of the linear layer that a position goes through."""
    assert layer.bias is not None
    return layer.weight.permute(2, 3, 1, 0).flatten(0, 2), layer.bias.repeat(4)


def fused_linear(x: Tensor, layer: nn.Linear, activation: str = "none") -> Tensor:
    """A linear layer by oneDNN, with a "gelu" in the same step or without: as ``linear_gelu``.

    It multiplies large matrices faster than what torch takes for them on some processors (a fifth
    on an AMD EPYC), and as fast on others.
    """
    out: Tensor = torch.ops.mkldnn._linear_pointwise(
        x, layer.weight, layer.bias, activation, [], "none"
    )
    return out


def neck(width: int, out_channels: int) -> nn.Sequential:
    """The encoder's last step to the 256 channels of the embedding (§A, image encoder)."""
    return nn.Sequential(
        nn.Conv2d(width, out_channels, kernel_size=1, bias=False),
        LayerNorm2d(out_channels),
        nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
        LayerNorm2d(out_channels),
    )
