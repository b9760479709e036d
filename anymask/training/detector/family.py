"""The detector as the loop meets it: how a run starts, what it needs, how its validation reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from anymask.models.detector import DetectorConfig, ObjectDetector
from anymask.predict.predictor import Predictor
from anymask.training.counting import META, kept_bytes, operations
from anymask.training.detector.learner import DetectorLearner
from anymask.training.detector.looks import PROPOSED
from anymask.training.detector.recipe import DetectorRecipe
from anymask.training.distributed import World
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.job import TrainingJob
from anymask.training.learner import FamilyTraining
from anymask.training.needs import Memory, Needs, Work
from anymask.training.run_folder import EMBEDDINGS_FOLDER
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint

HALF_BYTES = 2  # kept embeddings are float16
COPIES = 4  # gradients, AdamW's two running means, and the moving average
BACKWARD = 2  # as often as forward: gradients of weights and of inputs


def start(job: TrainingJob, world: World) -> DetectorLearner:
    """The learner before its first step. Raises ``WeightsError`` and ``OutputError``."""
    recipe = _recipe_of(job)
    checkpoint = load_checkpoint(recipe.weights, offline=job.offline)
    encoder = Predictor(checkpoint, world.device)
    folder = job.out / EMBEDDINGS_FOLDER if recipe.cache == "auto" else Path(recipe.cache)
    embeddings = Embeddings(encoder, folder if recipe.cache else None)
    return DetectorLearner(_shape(recipe, checkpoint), recipe, world, embeddings)


def needs(job: TrainingJob) -> Needs:
    """What a run starts from, its memory, disk and work. Raises as ``start``."""
    recipe = _recipe_of(job)
    checkpoint = load_checkpoint(recipe.weights, offline=job.offline)
    config = _shape(recipe, checkpoint)
    with META:
        model = ObjectDetector(config)
        features = torch.empty(recipe.images_per_pass, config.width, config.grid, config.grid)
    head = kept_bytes(model, lambda: _sum_of(model, features))
    forward = operations(lambda: _sum_of(model, features)) / recipe.images_per_pass
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    return Needs(
        Memory(weights, COPIES * weights, 0, head),
        HALF_BYTES * config.width * config.grid**2 if recipe.cache else 0,
        Work(step=recipe.batch * (1 + BACKWARD) * forward),
        start=f"random numbers, over embeddings by {checkpoint.model_id}",
    )


def summary(entry: Mapping[str, Any]) -> str:
    """A validation's entry as a line; "" for any other."""
    if "ar_100_50" not in entry:
        return ""
    return (
        f"step {entry['step']}: of the objects {100 * entry['ar_100_50']:.1f} % are found by 100 "
        f"boxes an image, {100 * entry['ar_10_50']:.1f} % by 10; box AP {100 * entry['ap']:.1f}, "
        f"AP50 {100 * entry['ap_50']:.1f}"
    )


def _sum_of(model: ObjectDetector, features: torch.Tensor) -> torch.Tensor:
    """A number that all answers of a pass have a part in."""
    guesses = model(features)
    total: torch.Tensor = guesses.scores.sum() + guesses.boxes_xyxy.sum()
    for image in range(len(features)):
        looked = model.look(guesses, image, features.new_zeros(PROPOSED, 4))
        total = total + looked.scores.sum() + looked.boxes_xyxy.sum()
    return total


def _shape(recipe: DetectorRecipe, checkpoint: Checkpoint) -> DetectorConfig:
    sam = checkpoint.sam_config
    return DetectorConfig(
        checkpoint.model_id,
        sam.decoder.width,
        sam.encoder.grid,
        sam.encoder.image_px,
        recipe.channels,
        recipe.blocks,
    )


def _recipe_of(job: TrainingJob) -> DetectorRecipe:
    assert isinstance(job.recipe, DetectorRecipe)
    return job.recipe


DETECTOR = FamilyTraining(start, needs, summary, use="the detector is")
