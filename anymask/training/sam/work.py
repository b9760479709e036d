"""How much a recipe computes, counted without computing anything, on PyTorch's meta device."""

from __future__ import annotations

import torch

from anymask.models.sam import Sam, SamConfig
from anymask.training.counting import META, operations
from anymask.training.needs import Work
from anymask.training.sam.memory import head_inputs
from anymask.training.sam.recipe import SamRecipe

BACKWARD = 2  # as often as forward: gradients of weights and of inputs
RECOMPUTED = 1


def work_of(recipe: SamRecipe, config: SamConfig) -> Work:
    """The operations of a recipe on a model of this shape."""
    with META:
        model = Sam(config).eval()
    side = config.encoder.image_px
    image = torch.empty(1, 3, side, side, device=META)
    encoder = operations(lambda: model.image_encoder(image))
    features, batch = head_inputs(model, recipe)
    answer = operations(lambda: model.decode(features, batch)) / recipe.prompts_per_pass
    passes = 1 + BACKWARD * recipe.train_encoder + RECOMPUTED * recipe.checkpointing
    ranking = min(1.0, sum(recipe.ranking_steps) / recipe.steps)
    played = (1 + BACKWARD) * recipe.habits.rounds
    return Work(
        image=encoder if recipe.keeps_embeddings else 0.0,
        step=0.0 if recipe.freezes_embeddings else recipe.batch * passes * encoder,
        mask=answer * ((1 - ranking) * played + ranking * recipe.ranking_clicks),
    )
