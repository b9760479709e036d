"""DINOv2 as the start of a SegGPT: what its blocks know of images, before any example is seen.

Both have the same blocks, but for what this file puts right. DINOv2 weighs what a layer adds by
learned scales: they are multiplied into the layer. It has a class token, which is left out. And it
never saw two images in one picture: each half gets positions of its own, as of a whole image.

Shape legend: C channels, g side of the file's grid, h side of the model's grid of positions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.errors import LayoutError
from anymask.models.dinov2 import DinoV2
from anymask.models.seggpt import SegGPT
from anymask.weights.mae import resize_patches

KERNEL, KERNEL_BIAS = "patch_embed.proj.weight", "patch_embed.proj.bias"
MERGED = 0.5  # image and target go on as their mean: what later blocks add is to weigh as much less


@torch.no_grad()
def start_from_dino(model: SegGPT, dino: DinoV2) -> tuple[str, ...]:
    """Give a fresh model's blocks, patches and positions a DINOv2's; the names of what has them.

    Patches of another side are resized as an MAE's are, positions stretched. A masked patch begins
    as one of the mean colour. Blocks beyond the DINOv2's stay as they are. The merging halves what
    earlier blocks have said, so that what later ones add is halved, too: with targets that said
    nothing, the model would be the DINOv2 still.

    Raises ``LayoutError`` for one of another width, or of other heads.
    """
    vit = model.config.vit
    theirs = dino.config
    if (theirs.width, theirs.heads) != (vit.width, vit.heads):
        raise LayoutError(
            f"a DINOv2 of width {theirs.width} and {theirs.heads} heads is no start for a SegGPT "
            f"of width {vit.width} and {vit.heads} heads"
        )
    state = dict(dino.state_dict())
    new = {
        KERNEL: resize_patches(state[KERNEL], vit.patch_px),
        KERNEL_BIAS: state[KERNEL_BIAS],
        "mask_token": state[KERNEL_BIAS].view(1, 1, 1, -1),
        "pos_embed": _positions(state["positions"], model.config.position_grid),
    }
    for number in range(min(theirs.depth, vit.depth)):
        share = MERGED if number > model.config.merged_after else 1.0
        new |= _block(state, f"blocks.{number}.", share)
        for side in "hw":
            table = f"blocks.{number}.attn.rel_pos_{side}"
            new[table] = torch.zeros_like(model.get_parameter(table))  # it has no such positions
    for name, tensor in new.items():
        model.get_parameter(name).copy_(tensor)
    return tuple(new)


def _block(state: Mapping[str, Tensor], prefix: str, share: float) -> dict[str, Tensor]:
    """One block with its scales multiplied in; share: of what it adds."""
    new = {
        f"{prefix}{layer}.{kind}": state[f"{prefix}{layer}.{kind}"]
        for layer in ("norm1", "norm2", "attn.qkv", "mlp.lin1")
        for kind in ("weight", "bias")
    }
    for layer, scale in (("attn.proj", "scale1"), ("mlp.lin2", "scale2")):
        scales = share * state[f"{prefix}{scale}"]
        new[f"{prefix}{layer}.weight"] = state[f"{prefix}{layer}.weight"] * scales[:, None]
        new[f"{prefix}{layer}.bias"] = state[f"{prefix}{layer}.bias"] * scales
    return new


def _positions(positions: Tensor, side: int) -> Tensor:
    """(1, 1 + g², C), the class token's first, to (1, 1 + h², C): once for each half."""
    grid = round((positions.shape[1] - 1) ** 0.5)
    learned = positions[:, 1:].unflatten(1, (grid, grid)).permute(0, 3, 1, 2)
    rows = side // 2, side - side // 2
    halves = [F.interpolate(learned, (count, side), mode="bicubic") for count in rows]
    stacked = torch.cat(halves, dim=2).flatten(2).transpose(1, 2)
    return torch.cat([positions[:, :1], stacked], dim=1)
