"""Products in bfloat16 between numbers in float32, where the processor multiplies those faster.

A product of bfloat16 numbers is summed up in float32, but comes out rounded. Norms, softmax,
residuals and positions stay in float32; which products are rounded is chosen by what that costs in
masks (docs/adr/0022).
"""

from __future__ import annotations

import os
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.layers import CAN_FUSE_CONV, CAN_FUSE_LINEAR, fused_linear

HALF = torch.bfloat16
# What oneDNN may be held to by the environment, if it is to multiply bfloat16 by the processor.
ISA_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
ISA_WITH_HALF = ("DEFAULT", "ALL", "BF16", "FP16", "AMX", "AVX10")


def processor_multiplies_half() -> bool:
    """Whether this processor multiplies bfloat16 at more than the rate of float32.

    AVX512-BF16 or AMX, unless the environment keeps oneDNN from them. Others may multiply it, too
    (Arm's BF16): what they gain has not been measured.
    """
    held = [os.environ[name].upper() for name in ISA_VARIABLES if name in os.environ]
    if not all(any(word in isa for word in ISA_WITH_HALF) for isa in held):
        return False
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in asked)


class HalfLinear(NamedTuple):
    """Weight (C', C) and bias (C',) of a linear layer in bfloat16."""

    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None) -> HalfLinear:
        """Rounded once and for all."""
        return cls(weight.to(HALF).contiguous(), None if bias is None else bias.to(HALF))

    def __call__(self, x: Tensor, activation: str = "none") -> Tensor:
        """The layer of (…, C), rounded first; with a "gelu" or "none" before the last rounding."""
        x = x.to(HALF)
        if CAN_FUSE_LINEAR and x.device.type == "cpu":
            out: Tensor = torch.ops.mkldnn._linear_pointwise(
                x, self.weight, self.bias, activation, [], "none"
            )
            return out
        out = F.linear(x, self.weight, self.bias)
        return F.gelu(out) if activation == "gelu" else out


class HalfMLP(NamedTuple):
    """Two linear layers with a ReLU between, in bfloat16."""

    first: HalfLinear
    second: HalfLinear

    def __call__(self, x: Tensor) -> Tensor:
        """Of (…, C), back in its own numbers."""
        return self.second(F.relu(self.first(x))).to(x.dtype)


class HalfUpscaling(NamedTuple):
    """The two convolutions of the mask decoder's upscaling, as linear layers of a position."""

    first: HalfLinear
    second: HalfLinear


class HalfConv(NamedTuple):
    """A convolution's weight and bias in bfloat16, and how it is applied."""

    weight: Tensor
    bias: Tensor | None
    padding: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int

    @classmethod
    def of(cls, conv: nn.Conv2d) -> HalfConv:
        """Rounded once and for all. For a padding in numbers, without dilation."""
        assert isinstance(conv.padding, tuple)
        weight = conv.weight.to(HALF, memory_format=torch.channels_last)
        bias = None if conv.bias is None else conv.bias.to(HALF)
        return cls(weight, bias, conv.padding, conv.stride, conv.groups)

    def __call__(self, x: Tensor, activation: str = "none") -> Tensor:
        """The layer of (B, C, h, w), as ``HalfLinear`` has it."""
        x, weight, bias, padding, stride, groups = x.to(HALF), *self
        if CAN_FUSE_CONV and x.device.type == "cpu":
            out: Tensor = torch.ops.mkldnn._convolution_pointwise(
                x, weight, bias, padding, stride, (1, 1), groups, activation, [], "none"
            )
            return out
        out = F.conv2d(x, weight, bias, stride, padding, groups=groups)
        return F.gelu(out) if activation == "gelu" else out


class SwitchedLinear(nn.Linear):
    """A linear layer, with a GELU or without; if ``fused`` by oneDNN in one step.

    rounded: its twin in bfloat16, to be asked instead; what it gives is bfloat16.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__(width_in, width_out)
        self.fused = False
        self.rounded: HalfLinear | None = None

    def forward(self, x: Tensor, activation: str = "none") -> Tensor:
        if self.rounded is not None:
            return self.rounded(x, activation)
        if self.fused:
            return fused_linear(x.to(self.weight.dtype), self, activation)
        out = super().forward(x)
        return F.gelu(out) if activation == "gelu" else out

    def round_products(self, rounded: bool) -> None:
        """Ask the rounded twin from now on, or no more."""
        self.rounded = HalfLinear.of(self.weight, self.bias) if rounded else None
