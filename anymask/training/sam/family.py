"""SAM as the loop meets it: how a run starts, what it needs, how its validation reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anymask.core.embedding import model_id
from anymask.datasets.sample import Sample
from anymask.models.sam import SamConfig
from anymask.models.tiny_vit import TinyViTConfig
from anymask.models.vit import ViTConfig
from anymask.predict.load import load
from anymask.predict.predictor import Predictor
from anymask.predict.words.known_encoders import load_text_encoder
from anymask.training.distributed import World, shard
from anymask.training.frozen.answers import Answers
from anymask.training.frozen.crops import CropEmbeddings
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.job import TrainingJob
from anymask.training.learner import FamilyTraining
from anymask.training.needs import Needs
from anymask.training.run_folder import EMBEDDINGS_FOLDER
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.memory import estimate
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.scenes import framing_of
from anymask.training.sam.start import config_of, encoder_blocks, start_model
from anymask.training.sam.work import work_of
from anymask.weights.identity import weights_sha256
from anymask.weights.load import load_checkpoint

HALF_BYTES = 2  # kept embeddings are float16


def start(job: TrainingJob, world: World) -> SamLearner:
    """The learner before its first step.

    Raises ``RecipeError``, ``WeightsError`` and ``OutputError``.
    """
    recipe = _recipe_of(job)
    model = start_model(recipe, job.offline).to(world.device)
    embeddings = _embeddings(job, world)
    if recipe.sharded and world.size > 1:
        shard(model.image_encoder, encoder_blocks(model))
    answers = _answers(job, model.config)
    everything = None
    if not recipe.changes_masks:
        everything = load_checkpoint(recipe.weights, offline=job.offline).everything
    return SamLearner(model, recipe, world, embeddings, _crops(job), answers, everything)


def needs(job: TrainingJob) -> Needs:
    """What a run starts from, its memory, disk and work. Raises as ``start``."""
    recipe = _recipe_of(job)
    config = config_of(recipe, job.offline)
    numbers = config.decoder.width * config.encoder.grid**2
    kept = HALF_BYTES * numbers if recipe.keeps_embeddings else 0
    work = work_of(recipe, config)
    words = _start(recipe, config)
    return Needs(estimate(recipe, config), kept, work, recipe.masks_per_image, words)


def check(job: TrainingJob) -> Callable[[Sample], None]:
    """Tells whether a sample can be learned from. Raises as ``start``."""
    recipe = _recipe_of(job)
    framing = replace(framing_of(config_of(recipe, job.offline), recipe), needs_pixels=False)

    def look(sample: Sample) -> None:
        sample.pixels()
        framing.scene(sample, np.random.default_rng(0))

    return look


def summary(entry: Mapping[str, Any]) -> str:
    """A validation's entry as a line; "" for any other."""
    if "miou_1" not in entry:
        return ""
    text = f"{entry['miou_text']:.3f} with text, " if "miou_text" in entry else ""
    return (
        f"step {entry['step']}: mIoU {text}{entry['miou_1']:.3f} with 1 click, "
        f"{entry['miou_3']:.3f} with 3; predicted IoU is off by {entry['calibration_error']:.3f}"
    )


def _recipe_of(job: TrainingJob) -> SamRecipe:
    assert isinstance(job.recipe, SamRecipe)
    return job.recipe


def _embeddings(job: TrainingJob, world: World) -> Embeddings | None:
    """Of the frozen encoder or the teacher, if there is either."""
    recipe = _recipe_of(job)
    frozen = "" if recipe.train_encoder else recipe.weights
    source = recipe.teacher if recipe.imitates else frozen
    if not source:
        return None
    encoder = Predictor(load_checkpoint(source, offline=job.offline), world.device)
    return Embeddings(encoder, _kept(job) if recipe.keeps_embeddings else None)


def _answers(job: TrainingJob, config: SamConfig) -> Answers | None:
    """Of the teacher of the head, if there is one."""
    recipe = _recipe_of(job)
    if not recipe.distill_clicks:
        return None
    return Answers(
        partial(load, recipe.teacher, offline=job.offline),
        _teacher_id(recipe, job.offline),
        config.encoder.image_px,
        4 * config.encoder.grid,
        recipe.distill_clicks,
        recipe.distill_in_masks,
        _kept(job) if recipe.cache else None,
    )


def _crops(job: TrainingJob) -> CropEmbeddings | None:
    """Of the text encoder, if there is one."""
    recipe = _recipe_of(job)
    if not recipe.text_encoder:
        return None
    encoder = load_text_encoder(recipe.text_encoder, offline=job.offline)
    kept = _kept(job) if recipe.cache else None
    return CropEmbeddings(encoder, recipe.crop_views, recipe.least_mask_px, kept)


def _teacher_id(recipe: SamRecipe, offline: bool | None) -> str:
    """What a teacher is called; one that is known by its files need not be there."""
    sha256 = weights_sha256(recipe.teacher)
    if sha256 is None:
        return load(recipe.teacher, offline=offline).model_id
    return model_id(Path(recipe.teacher).name, sha256)


def _kept(job: TrainingJob) -> Path:
    """The folder of what is computed once."""
    cache = _recipe_of(job).cache
    return job.out / EMBEDDINGS_FOLDER if cache == "auto" else Path(cache)


def _start(recipe: SamRecipe, config: SamConfig) -> str:
    """What a run starts from and what of it learns."""
    names = {ViTConfig: "a ViT", TinyViTConfig: "a TinyViT"}
    encoder = names[type(config.encoder)]
    new = f"a new {recipe.encoder}" if recipe.encoder else encoder
    source = recipe.weights or "random numbers"
    mae = f", its encoder from {recipe.mae}" if recipe.mae else ""
    lora = f" by LoRA of rank {recipe.lora_rank}" if recipe.lora_rank else ""
    learning = [f"the image encoder{lora}"] * recipe.train_encoder
    learning += ["the prompt encoder and the mask decoder"] * recipe.train_head
    learning += ["a projection of text"] * bool(recipe.text_encoder)
    return f"{source} with {new}{mae}; {' and '.join(learning)} learn"


SAM = FamilyTraining(start, needs, summary, check)
