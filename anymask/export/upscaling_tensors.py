"""What a browser upscales by after ``AttendGraph``, in a safetensors file, and what it computes.

The metadata's ``upscaling`` has the norm's ``eps``.

Shape legend: P prompts, M masks, K rows, C channels of the decoder, L image positions of an h w
grid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from anymask.models.mask_decoder import MaskDecoder, MaskDecoderConfig, logit_map

STRIP = 4  # columns that are multiplied together: kernels/upscaling.ts has them for rows
MASKS = 4


def can_be_upscaled(config: MaskDecoderConfig, grid: int) -> bool:
    """Whether the kernels know such a decoder: four masks, channels in eights, rows of fours."""
    return config.mask_tokens == MASKS and config.width % 32 == 0 and grid % 4 == 0


def write_upscaling_tensors(decoder: MaskDecoder, path: Path) -> None:
    """Write them in float32, whatever the graphs' numbers: 34 kB."""
    metadata = {"upscaling": json.dumps({"eps": decoder.upscaling_layers()[1].eps})}
    path.write_bytes(save(upscaling_tensors(decoder), metadata))


@torch.no_grad()
def upscaling_tensors(decoder: MaskDecoder) -> dict[str, Tensor]:
    """``gain`` and ``shift`` of the norm (C/4,); ``weight`` and ``bias`` of what follows it.

    weight: of the second convolution, (C/8, C/4, 4), four of the 4·C/8 columns together, the new
    pixels (0, 0), (0, 1), (1, 0), (1, 1) one after the other; bias: (C/8,).
    """
    _, norm, second = decoder.upscaling_layers()
    assert second.bias is not None
    columns = second.weight.permute(2, 3, 1, 0).flatten(0, 2)  # 4·C/8 C/4
    tensors = {
        "gain": norm.weight,
        "shift": norm.bias,
        "weight": torch.unflatten(columns, 0, (-1, STRIP)).mT,
        "bias": second.bias,
    }
    return {name: tensor.float().contiguous() for name, tensor in tensors.items()}


def upscaled_logits(
    tensors: Mapping[str, Tensor],
    eps: float,
    own: Tensor,
    hyper: Tensor,
    steps: Tensor,
    rows: Tensor,
) -> Tensor:
    """What the kernels give of what ``AttendGraph`` gave: logits (P, M, 4h, 4w).

    own: the image's share in the upscaling, (L, C).
    """
    masks = [
        _of_prompt(tensors, eps, own + steps[p].mT @ rows[p], steps[p, -1], hyper[p])
        for p in range(len(hyper))
    ]
    return torch.stack(masks)


def _of_prompt(
    tensors: Mapping[str, Tensor], eps: float, x: Tensor, deviation: Tensor, hyper: Tensor
) -> Tensor:
    """Of the norm's input but for a factor, (L, C), which is its deviation's: (M, 4h, 4w)."""
    x = torch.unflatten(x, 1, (4, -1))  # L 4 C/4
    squares = (x * x).mean(dim=2) + eps * deviation[:, None] ** 2
    x = F.gelu(x * squares.rsqrt()[..., None] * tensors["gain"] + tensors["shift"])
    columns = tensors["weight"].mT.flatten(0, 1)
    x = torch.unflatten(x @ columns.T, 2, (4, -1)) + tensors["bias"]  # L 4 4 C/8
    return logit_map(hyper @ F.gelu(x).flatten(0, 2).mT)
