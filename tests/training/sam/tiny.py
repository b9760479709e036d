"""A recipe of a few steps in which a tiny model learns beside frozen embeddings."""

from __future__ import annotations

from anymask.training.sam.recipe import SamRecipe

FROZEN = SamRecipe(
    name="tiny",
    steps=4,
    warmup_steps=0,
    lr=1e-3,
    milestones=(),
    layer_decay=1.0,
    drop_path=0.0,
    batch=2,
    images_per_pass=2,
    train_encoder=False,
    idle_rounds=False,
)
