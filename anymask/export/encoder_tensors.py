"""A TinyViT's weights as the browser's kernels multiply by them, in a safetensors file.

Norms' gains and shifts are in the weights that follow, batch norms in their convolutions, the scale
of attention in its queries. The metadata's ``tiny_vit`` is the config.

Shape legend: n columns, k rows of a weight, H heads, d numbers of a head, s window side.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.export.kernel_weights import PANEL, Named, linear, packed, write_tensors
from anymask.models.layers import LayerNorm2d
from anymask.models.tiny_vit import Attention, ConvNorm, Mlp, TinyViT, TinyViTConfig


def can_be_multiplied(config: TinyViTConfig) -> bool:
    """Whether the kernels know such a model: widths of whole panels, grids of rows of four."""
    widths = (config.widths[0] // 2, *config.widths, config.out_channels)
    heads = zip(config.widths[1:], config.heads[1:])
    return (
        all(width % PANEL == 0 for width in widths)
        and all(width % (4 * count) == 0 for width, count in heads)
        and config.grid % 4 == 0
    )


def write_encoder_tensors(encoder: TinyViT, path: Path, dtype: str) -> None:
    """Write the weights of an encoder whose batch norms are folded.

    dtype: other than ``float32``: large tensors are kept in float16.
    """
    about = {"tiny_vit": asdict(encoder.config)}
    write_tensors(path, encoder_tensors(encoder), about, dtype)


@torch.no_grad()
def encoder_tensors(encoder: TinyViT) -> dict[str, Tensor]:
    """The tensors by their layers' names, float32."""
    tensors: dict[str, Tensor] = {}
    for name, module in encoder.named_modules():
        for part, tensor in _layer(name, module):
            tensors[f"{name}.{part}"] = tensor.float()
    return tensors


def _layer(name: str, module: nn.Module) -> Named:
    """What the kernels read of a layer and no other layer gives."""
    if isinstance(module, ConvNorm):
        yield from _convolution(module.c)
    elif isinstance(module, nn.Conv2d) and name.startswith("neck"):
        yield from _convolution(module)
    elif isinstance(module, LayerNorm2d):
        yield from (("weight", module.weight), ("bias", module.bias))
    elif isinstance(module, Attention):
        yield from _attention(module)
    elif isinstance(module, Mlp):
        yield from linear("fc1", *_normalised(module.fc1, module.norm))
        yield from linear("fc2", module.fc2.weight, module.fc2.bias)


def _convolution(conv: nn.Conv2d) -> Named:
    """Depth-wise (9, C); else packed, the nine places of a window one after the other."""
    if conv.groups > 1:
        yield "weight", conv.weight[:, 0].flatten(1).T
    else:
        columns = conv.weight.permute(0, 2, 3, 1).flatten(1)
        yield "weight", packed(F.pad(columns, (0, -columns.shape[1] % 4)))
    if conv.bias is not None:
        yield "bias", conv.bias


def _attention(attention: Attention) -> Named:
    """``fill``: queries, keys and values of a token beyond the grid, which is the norm's shift."""
    head_width = attention.qkv.in_features // attention.heads
    scale = torch.ones(attention.heads, 3, head_width)
    scale[:, 0] = head_width**-0.5
    scale = scale.flatten()
    yield "fill", (attention.qkv(attention.norm.bias)) * scale
    weight, bias = _normalised(attention.qkv, attention.norm)
    yield from linear("qkv", weight * scale[:, None], bias * scale)
    yield from linear("proj", attention.proj.weight, attention.proj.bias)
    yield "biases", attention.attention_biases


def _normalised(layer: nn.Linear, norm: nn.LayerNorm) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer that include the gain and shift of the norm before it."""
    weight, bias = layer.weight, layer.bias
    return weight * norm.weight, bias + weight @ norm.bias
