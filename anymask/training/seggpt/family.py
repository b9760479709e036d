"""SegGPT as the loop meets it: how a run starts, what it needs, how its validation reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from anymask.datasets.sample import Dataset, Sample
from anymask.models.seggpt import SegGPT
from anymask.training.counting import META, kept_bytes, operations
from anymask.training.datasets import datasets_of
from anymask.training.distributed import World
from anymask.training.job import TrainingJob
from anymask.training.learner import FamilyTraining, decode_pixels
from anymask.training.needs import Memory, Needs, Work
from anymask.training.seggpt.contexts import Contexts
from anymask.training.seggpt.learner import SegGPTLearner
from anymask.training.seggpt.recipe import SegGPTRecipe
from anymask.training.seggpt.scenes import Pairing
from anymask.training.seggpt.start import config_of, freeze, start_model

COPIES = 3  # of what learns: gradients, and AdamW's two running means
BACKWARD = 2  # as often as forward: gradients of weights and of inputs


def start(job: TrainingJob, world: World) -> SegGPTLearner:
    """The learner before its first step.

    Raises ``RecipeError``, ``WeightsError`` and ``DatasetError``.
    """
    recipe = _recipe_of(job)
    model = start_model(recipe, job.offline).to(world.device)
    data = datasets_of(job)
    learning = Pairing(model.config, recipe, _contexts(data.learning, recipe))
    held_out = (
        learning
        if data.is_one or data.held_out is None
        else (Pairing(model.config, recipe, _contexts(data.held_out, recipe)))
    )
    return SegGPTLearner(model, recipe, world, learning, held_out)


def needs(job: TrainingJob) -> Needs:
    """What a run starts from, its memory and work. Raises as ``start``."""
    recipe = _recipe_of(job)
    config = config_of(recipe, job.offline)
    with META:
        model = SegGPT(config)
        height, width = config.image_hw
        picture = torch.empty(recipe.images_per_pass, 3, 2 * height, width)
    freeze(model, recipe.frozen_blocks)
    model.train().checkpointing = recipe.checkpointing
    kept = kept_bytes(model, lambda: model(picture, picture))
    forward = operations(lambda: model(picture[:1], picture[:1]))
    parameters = list(model.parameters())
    weights = sum(p.numel() * p.element_size() for p in parameters)
    learning = sum(p.numel() * p.element_size() for p in parameters if p.requires_grad)
    copies = COPIES + (recipe.ema > 0)
    share = 1 + BACKWARD * learning / weights
    return Needs(
        Memory(weights, copies * learning, kept, 0),
        work=Work(step=recipe.batch * share * forward),
        start=_words(recipe, len(model.blocks)),
    )


def check(job: TrainingJob) -> Callable[[Sample], None]:
    """Tells whether a sample can be learned from."""
    return decode_pixels


def summary(entry: Mapping[str, Any]) -> str:
    """A validation's entry as a line; "" for any other."""
    if "copied" not in entry:
        return ""
    return (
        f"step {entry['step']}: one-shot mIoU {entry['miou']:.3f}; copying the example's mask "
        f"{entry['copied']:.3f}"
    )


def _contexts(dataset: Dataset, recipe: SegGPTRecipe) -> Contexts:
    return Contexts(dataset, recipe.least_share, recipe.contexts)


def _words(recipe: SegGPTRecipe, blocks: int) -> str:
    source = recipe.weights or (f"a DINOv2, {recipe.dino}" if recipe.dino else "random numbers")
    if recipe.frozen_blocks:
        return f"{source}; blocks {recipe.frozen_blocks + 1} to {blocks} and the decoder learn"
    return f"{source}; all of it learns"


def _recipe_of(job: TrainingJob) -> SegGPTRecipe:
    assert isinstance(job.recipe, SegGPTRecipe)
    return job.recipe


SEGGPT = FamilyTraining(start, needs, summary, check, use="the SegGPT is")
