"""The SegGPT a run starts from, and which of its parameters learn at what pace."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import nn

from anymask.core.in_context.picture_numbers import IMAGE_MEAN, IMAGE_STD
from anymask.errors import LayoutError, RecipeError
from anymask.models.seggpt import SegGPT, SegGPTConfig
from anymask.models.vit import ViTConfig
from anymask.training.seggpt.recipe import SegGPTRecipe
from anymask.weights import registry
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.dinov2 import load_dinov2
from anymask.weights.fetch import fetch_row
from anymask.weights.load import load_checkpoint
from anymask.weights.seggpt.dino import start_from_dino

BLOCK = re.compile(r"blocks\.(\d+)\.")
DINO_BLOCKS = 12
POSITIONS = ("pos_embed", "rel_pos", "_token")

CONFIGS = {
    "vit-l": SegGPTConfig(),
    "small": SegGPTConfig(
        vit=ViTConfig(
            width=384,
            depth=12,
            heads=6,
            global_blocks=tuple(range(12)),
            image_px=896,
            image_hw=(896, 448),
        ),
        merged_after=7,
        features_of=(7, 9, 11),
        decoder_channels=32,
        position_grid=56,
    ),
    # Patches of 14 pixels, as DINOv2 has them, of which ten blocks see either image by itself.
    "tiny": SegGPTConfig(
        vit=ViTConfig(
            width=384,
            depth=12,
            heads=6,
            global_blocks=(10, 11),
            image_px=448,
            patch_px=14,
            window=16,
            image_hw=(448, 224),
        ),
        merged_after=9,
        features_of=(10, 11),
        decoder_channels=16,
        position_grid=32,
    ),
}


def config_of(recipe: SegGPTRecipe, offline: bool | None = None) -> SegGPTConfig:
    """The size of the model that a recipe trains. Raises ``WeightsError`` and ``RecipeError``."""
    if not recipe.weights:
        return CONFIGS[recipe.size]
    config = checkpoint_of(recipe, offline).config
    assert isinstance(config, SegGPTConfig)
    return config


def checkpoint_of(recipe: SegGPTRecipe, offline: bool | None = None) -> Checkpoint:
    """The weights to start from. Raises ``WeightsError``, also for another model's."""
    checkpoint = load_checkpoint(recipe.weights, offline=offline)
    if not isinstance(checkpoint.config, SegGPTConfig):
        raise LayoutError(f"{recipe.weights} is no SegGPT; {recipe.name} starts from none else")
    return checkpoint


def start_model(recipe: SegGPTRecipe, offline: bool | None = None) -> SegGPT:
    """The model before its first step, in training mode.

    Raises ``RecipeError``, ``WeightsError`` and what comes of fetching a row.
    """
    if recipe.weights:
        built = checkpoint_of(recipe, offline).build()
        assert isinstance(built, SegGPT)
        model = built
    else:
        torch.manual_seed(recipe.seed)
        model = SegGPT(CONFIGS[recipe.size])
        model.initialise()
        if not recipe.balance:
            _paint_black(model)
        if recipe.dino:
            dino = load_dinov2(_dino_file(recipe.dino, offline), (DINO_BLOCKS - 1,))
            start_from_dino(model, dino)
    freeze(model, recipe.frozen_blocks)
    model.skip_empty_positions()
    if recipe.drop_path:
        model.set_drop_path(recipe.drop_path)
    model.checkpointing = recipe.checkpointing
    return model.train()


@torch.no_grad()
def _paint_black(model: SegGPT) -> None:
    """Let a fresh model begin by painting what most of every target is: the background."""
    last = model.decoder_pred[3]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    last.bias.copy_(-torch.tensor(IMAGE_MEAN) / torch.tensor(IMAGE_STD))


def freeze(model: SegGPT, blocks: int) -> None:
    """Let the first blocks not learn, nor anything before them: no gradient is needed there.

    Nor relative positions of any block, which cost as much time as all else of an attention and are
    skipped where they are zero, as a DINOv2's.

    Raises ``RecipeError`` for more than there are.
    """
    if blocks > len(model.blocks):
        raise RecipeError(f"frozen_blocks is {blocks}, and there are {len(model.blocks)} blocks")
    if not blocks:
        return
    for name, parameter in model.named_parameters():
        block = BLOCK.match(name)
        is_place = name.startswith("patch_embed.") or any(part in name for part in POSITIONS)
        if is_place or (block and int(block[1]) < blocks):
            parameter.requires_grad_(False)


def parameter_groups(model: SegGPT, recipe: SegGPTRecipe) -> list[dict[str, object]]:
    """What AdamW takes: parameters that learn alike, with ``lr_scale`` beside the learning rate.

    Norms, biases, tokens and positions don't decay. A block's learning rate is ``layer_decay``
    times that of the next one, what comes before the first block one step less, the decoder's is
    whole.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            is_plain = parameter.ndim > 1 and not any(part in name for part in POSITIONS)
            decay = recipe.weight_decay if is_plain else 0.0
            key = (_lr_scale(name, len(model.blocks), recipe.layer_decay), decay)
            groups.setdefault(key, []).append(parameter)
    return [
        {"params": params, "lr_scale": scale, "weight_decay": decay}
        for (scale, decay), params in sorted(groups.items(), key=lambda pair: pair[0])
    ]


def _lr_scale(name: str, blocks: int, layer_decay: float) -> float:
    if block := BLOCK.match(name):
        return layer_decay ** (blocks - int(block[1]))
    is_first = name.startswith("patch_embed.") or any(part in name for part in POSITIONS)
    return layer_decay ** (blocks + 1) if is_first else 1.0


def _dino_file(dino: str, offline: bool | None) -> Path:
    """The file of a DINOv2, fetched where it is a row."""
    path = Path(dino)
    if path.is_file():
        return path
    (file,) = fetch_row(registry.find(dino), offline=offline).values()
    return file
