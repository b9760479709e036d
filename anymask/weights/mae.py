"""MAE initialisation: a masked autoencoder's encoder as the start of SAM's.

*Segment Anything* (§3) starts from a ViT that was pre-trained as an MAE (arXiv 2111.06377) and
adapts it to high resolution as ViTDet does (arXiv 2203.16527). Files have the layout of the
official ``mae_pretrain_vit_{base,large,huge}.pth``.

Shape legend: C channels, g h sides of the file's and the model's token grid, p q sides of their
patches in pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.errors import LayoutError
from anymask.models.sam import Sam
from anymask.models.vit import ViT
from anymask.weights.checkpoint import check_finite, check_state
from anymask.weights.named_tensors import MAE_ROOTS
from anymask.weights.state_file import read_state

# MAE takes RGB of 0-1, less ImageNet's mean over its deviation. SAM's pixel_mean and pixel_std are
# 255 times these for pixels of 0-255: the patch kernel sees the same numbers as it is.
POSITIONS, KERNEL = "pos_embed", "patch_embed.proj.weight"
LOADED = (POSITIONS, "patch_embed.", "blocks.")  # not: the class token, the last norm, a decoder
RENAMED = {".mlp.fc1.": ".mlp.lin1.", ".mlp.fc2.": ".mlp.lin2."}


@dataclass(frozen=True)
class MaeReport:
    """Which parameters an initialisation loaded, and which it left.

    loaded: the encoder's parameters that now hold the file's values; untouched: those that keep
    theirs (relative positions and the neck); ignored: names in the file that SAM has no place for.
    grid, patch_px: sides in the file and in the model; what differs was resized.
    """

    loaded: tuple[str, ...]
    untouched: tuple[str, ...]
    ignored: tuple[str, ...]
    grid: tuple[int, int]
    patch_px: tuple[int, int]


def load_mae(path: Path, model: Sam) -> MaeReport:
    """Start a model's image encoder from an MAE; positions and patches are resized to fit.

    Relative positions and the neck stay as they are: zero and random in a fresh model, as ViTDet
    starts. MAE files say nothing of heads; the model's count must be MAE's (ViT-B 12, L and H 16).

    Raises ``LayoutError``, with the model as it was, for a file that is no MAE's or of another
    width or depth, and for a TinyViT; and what ``read_state`` raises.
    """
    read = read_state(path, MAE_ROOTS)
    state = read.tensors
    check_finite(state, str(path))
    weights = {_our_name(name): tensor for name, tensor in state.items() if name.startswith(LOADED)}
    grid, patch_px = _sides(weights, path.name)
    encoder = _encoder_of_size(model, weights, path.name)
    weights[POSITIONS] = resize_positions(weights[POSITIONS], encoder.config.grid)
    weights[KERNEL] = resize_patches(weights[KERNEL], encoder.config.patch_px)
    untouched = _untouched(model, encoder, weights, path.name)
    encoder.load_state_dict(weights, strict=False)
    return MaeReport(
        loaded=tuple(weights),
        untouched=untouched,
        ignored=(*(name for name in state if not name.startswith(LOADED)), *read.left_out),
        grid=(grid, encoder.config.grid),
        patch_px=(patch_px, encoder.config.patch_px),
    )


def resize_positions(positions: Tensor, side: int) -> Tensor:
    """Position embeddings (1, 1 + g·g, C), the class token's first, to a grid (1, h, h, C)."""
    grid = torch.unflatten(positions[:, 1:], 1, (math.isqrt(positions.shape[1] - 1), -1))
    if grid.shape[1] == side:
        return grid
    channels_first = grid.permute(0, 3, 1, 2).float()
    resized = F.interpolate(channels_first, (side, side), mode="bicubic", align_corners=False)
    return resized.permute(0, 2, 3, 1)


def resize_patches(kernel: Tensor, side: int) -> Tensor:
    """A patch kernel (C, 3, p, p) for patches of another side: (C, 3, q, q).

    Interpolated as it is, a kernel would sum over more pixels and give larger tokens. This one
    gives an enlarged patch exactly the token of the patch itself: FlexiViT's pseudo-inverse
    resize (arXiv 2212.08013). Smaller ones come as close to it as can be.
    """
    old = kernel.shape[-1]
    if old == side:
        return kernel
    pixels = torch.eye(old * old, dtype=torch.float64, device=kernel.device).view(-1, 1, old, old)
    enlarged = F.interpolate(pixels, (side, side), mode="bicubic", align_corners=False).flatten(1)
    resized = kernel.double().flatten(2) @ torch.linalg.pinv(enlarged).T  # p·p to q·q
    return torch.unflatten(resized, 2, (side, side)).to(kernel.dtype)


def _our_name(name: str) -> str:
    for theirs, ours in RENAMED.items():
        name = name.replace(theirs, ours)
    return name


def _sides(weights: dict[str, Tensor], source: str) -> tuple[int, int]:
    """Sides g and p of positions (1, 1 + g·g, C) and of a patch kernel (C, 3, p, p)."""
    for name in (POSITIONS, KERNEL):
        if name not in weights:
            raise LayoutError(f"{source} is no MAE of a ViT: {name} is missing")
    positions, kernel = weights[POSITIONS].shape, weights[KERNEL].shape
    grid = math.isqrt(positions[1] - 1) if len(positions) == 3 and positions[1] else 0
    if grid == 0 or positions[1] != 1 + grid**2:
        shape = tuple(positions)
        raise LayoutError(f"{source} has {POSITIONS} of shape {shape}, not (1, 1 + side², width)")
    if len(kernel) != 4 or kernel[2] != kernel[3]:
        raise LayoutError(f"{source} has {KERNEL} of shape {tuple(kernel)}, not of square patches")
    return grid, kernel[3]


def _encoder_of_size(model: Sam, weights: dict[str, Tensor], source: str) -> ViT:
    """The model's encoder, if it is a ViT of the file's width and depth. Raises ``LayoutError``."""
    encoder = model.image_encoder
    depth = len({name.split(".")[1] for name in weights if name.startswith("blocks.")})
    size = f"{source} holds a ViT of width {len(weights[KERNEL])} and depth {depth}"
    if not isinstance(encoder, ViT):
        tiny = f"widths {encoder.config.widths} and depths {encoder.config.depths}"
        raise LayoutError(f"{size}; the model's encoder is a TinyViT of {tiny}")
    width, blocks = encoder.config.width, encoder.config.depth
    if (len(weights[KERNEL]), depth) != (width, blocks):
        raise LayoutError(f"{size}; the model's encoder has width {width} and depth {blocks}")
    return encoder


def _untouched(
    model: Sam, encoder: ViT, weights: dict[str, Tensor], source: str
) -> tuple[str, ...]:
    """The encoder's parameters that the file has not. Raises ``LayoutError`` if the rest misfit."""
    untouched = [name for name in encoder.state_dict() if name not in weights]
    for name in untouched:
        if "rel_pos" not in name and not name.startswith("neck."):
            raise LayoutError(f"{source} is incomplete: {name} is missing")
    loaded = {f"image_encoder.{name}": tensor for name, tensor in weights.items()}
    check_state(model, model.state_dict() | loaded, source)
    return tuple(untouched)
