"""Tiny random models of the official package, with their weights moved into ours.

Importing this skips the module that does where the official package is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from anymask.models.sam import Sam
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.convert import to_checkpoint

segment_anything: Any = pytest.importorskip("segment_anything")
modeling: Any = segment_anything.modeling


@dataclass(frozen=True)
class Size:
    """Sizes of a tiny model; all that its weights' shapes tell, and no more."""

    image_px: int = 128
    width: int = 32
    heads: int = 2
    global_blocks: tuple[int, ...] = (1, 3)
    window: int = 3
    decoder_width: int = 64
    decoder_depth: int = 2
    mlp_dim: int = 96
    mask_channels: int = 16
    iou_hidden: int = 48
    iou_depth: int = 3

    @property
    def grid(self) -> int:
        """Side of the token grid."""
        return self.image_px // 16


# No window divides the grid, so that windows are padded; the last is larger than all of the grid.
SIZES = {
    "depth 2": Size(),
    "depth 3": Size(
        image_px=192,
        width=64,
        heads=4,
        global_blocks=(2,),
        window=5,
        decoder_width=96,
        decoder_depth=3,
        mask_channels=32,
        iou_depth=4,
    ),
    "large window": Size(image_px=160, global_blocks=(0, 2), window=14, decoder_width=32),
}


@dataclass(frozen=True)
class Twin:
    """The same weights in the official model, in a checkpoint, and in ours."""

    size: Size
    official: Any
    checkpoint: Checkpoint
    ours: Sam


def official_twin(size: Size) -> Twin:
    """An official model with random weights, and ours."""
    official = official_sam(size)
    # The two must not share memory, or a change to one would go unnoticed.
    state = {name: tensor.clone() for name, tensor in official.state_dict().items()}
    checkpoint = to_checkpoint(state, "twin", "0" * 64, "a random model")
    ours = replace(checkpoint, state={k: v.clone() for k, v in state.items()}).build_sam()
    return Twin(size, official, checkpoint, ours)


def official_sam(size: Size) -> Any:
    """A random ``segment_anything.modeling.Sam``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sam = modeling.Sam(_encoder(size), _prompt_encoder(size), _mask_decoder(size)).eval()
    randomise(sam)
    return sam


def randomise(model: nn.Module) -> None:
    """Make every weight random: those that start as zeros or ones would hide what they do."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor += 0.15 * torch.randn(tensor.shape, generator=generator)


def randn(*shape: int, seed: int = 1) -> Tensor:
    """Random numbers that are the same in every run."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _encoder(size: Size) -> nn.Module:
    encoder: nn.Module = modeling.ImageEncoderViT(
        img_size=size.image_px,
        embed_dim=size.width,
        depth=4,
        num_heads=size.heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=size.global_blocks,
        window_size=size.window,
        out_chans=size.decoder_width,
    )
    return encoder


def _prompt_encoder(size: Size) -> nn.Module:
    encoder: nn.Module = modeling.PromptEncoder(
        embed_dim=size.decoder_width,
        image_embedding_size=(size.grid, size.grid),
        input_image_size=(size.image_px, size.image_px),
        mask_in_chans=size.mask_channels,
    )
    return encoder


def _mask_decoder(size: Size) -> nn.Module:
    transformer = modeling.TwoWayTransformer(
        depth=size.decoder_depth,
        embedding_dim=size.decoder_width,
        mlp_dim=size.mlp_dim,
        num_heads=8,
    )
    decoder: nn.Module = modeling.MaskDecoder(
        transformer_dim=size.decoder_width,
        transformer=transformer,
        iou_head_depth=size.iou_depth,
        iou_head_hidden_dim=size.iou_hidden,
    )
    return decoder
