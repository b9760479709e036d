"""A SegGPT of a few thousand numbers, and what it learns from in tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from anymask.models.seggpt import SegGPT, SegGPTConfig
from anymask.models.vit import ViTConfig
from anymask.training.seggpt.recipe import SegGPTRecipe
from anymask.weights.checkpoint import Checkpoint
from tests.training.scripted import write_folder

TINY = SegGPTConfig(
    vit=ViTConfig(
        width=24, depth=3, heads=2, global_blocks=(0, 1, 2), image_px=96, patch_px=8,
        image_hw=(96, 48),
    ),
    merged_after=0,
    features_of=(1, 2),
    decoder_channels=4,
    position_grid=6,
)  # fmt: skip
RECIPE = SegGPTRecipe(
    name="test",
    size="tiny",
    steps=6,
    warmup_steps=2,
    lr=2e-3,
    layer_decay=1.0,
    drop_path=0.1,
    batch=4,
    images_per_pass=2,
    precision="float32",
    checkpointing=False,
    ema=0.5,
    holdout=0.25,
    half_mask=0.5,
    mix=0.5,
    validate_every=3,
    save_every=2,
)


def write_tiny(folder: Path) -> Path:
    """A checkpoint of random numbers."""
    torch.manual_seed(0)
    model = SegGPT(TINY)
    model.initialise()
    Checkpoint("tiny", TINY, model.state_dict()).save(folder)
    return folder


def write_discs(folder: Path, images: int, kind: str = "medical") -> Path:
    """A mixture of one set of discs."""
    write_folder(folder / "discs", images)
    path = folder / "mixture.json"
    path.write_text(json.dumps({"mixture": [{"data": "discs", "kind": kind}]}))
    return path


def recipe(folder: Path, **changes: Any) -> SegGPTRecipe:
    """The tests' recipe, from a checkpoint in a folder."""
    return replace(RECIPE, **{"weights": str(write_tiny(folder / "tiny")), **changes})
