"""The detector in the one loop: learned by heart, gone on with, refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.errors import EmbeddingError, LayoutError, RecipeError, WeightsError
from anymask.predict.detector import Detector
from anymask.predict.predictor import Predictor
from anymask.training.detector.family import DETECTOR
from anymask.training.detector.recipe import DetectorRecipe
from anymask.training.distributed import World
from anymask.training.families import find_recipe, training_of
from anymask.training.job import TrainingJob
from anymask.training.loop import train
from anymask.training.plan import plan_of
from anymask.training.recipe import override
from anymask.training.sam.family import SAM
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from anymask.weights.load import load_checkpoint
from tests.training.scripted import write_folder

IMAGES = 4
BY_HEART = DetectorRecipe(
    steps=60,
    warmup_steps=5,
    lr=5e-3,
    milestones=(45,),
    batch=IMAGES,
    images_per_pass=IMAGES,
    ema=0.9,
    channels=32,
    blocks=1,
    flip=0.0,
    holdout=0.0,
    validate_every=60,
    save_every=60,
)


@pytest.fixture
def job(tmp_path: Path, tiny_checkpoint: Checkpoint) -> TrainingJob:
    """A run over the embeddings of a tiny random model."""
    tiny_checkpoint.save(tmp_path / "tiny")
    data = str(write_folder(tmp_path / "data", IMAGES))
    recipe = replace(BY_HEART, weights=str(tmp_path / "tiny"))
    return TrainingJob(recipe, data, tmp_path / "run", validation=data, offline=True)


def shortened(job: TrainingJob, out: Path, **changes: object) -> TrainingJob:
    return replace(job, out=out, recipe=replace(job.recipe, **changes))  # type: ignore[arg-type]


def test_objects_are_learned_by_heart(job: TrainingJob) -> None:
    train(job, World())
    entries = [json.loads(line) for line in (job.out / "log.jsonl").read_text().splitlines()]
    last = [entry for entry in entries if "ap" in entry][-1]
    assert last["ar_100_50"] == 1
    assert last["ap_50"] > 0.95
    assert training_of(job.recipe).summary(last).startswith("step 60: of the objects 100.0 %")
    best = Detector.load(job.out / "best", "cpu")
    sam = Predictor(load_checkpoint(job.recipe.weights))
    (sample,) = (x for x in open_dataset(job.data).parts[0].samples() if isinstance(x, Sample))
    boxes, scores = best.detect(sam.encode(sample.pixels()))
    assert boxes.shape == (len(scores), 4)
    assert boxes.max() <= 96
    assert (np.diff(scores) <= 0).all()
    assert best.reads == sam.model_id


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(job: TrainingJob, tmp_path: Path) -> None:
    short = {"steps": 4, "milestones": (), "validate_every": 2, "save_every": 2, "flip": 0.5}
    whole = shortened(job, tmp_path / "whole", **short)
    train(whole, World())
    parts = shortened(job, tmp_path / "parts", **{**short, "steps": 2})
    train(parts, World())
    train(replace(shortened(job, tmp_path / "parts", **short), resume=True), World())
    one, other = (read_checkpoint(tmp_path / name / "last") for name in ("whole", "parts"))
    assert all(torch.equal(tensor, other.state[name]) for name, tensor in one.state.items())


def test_a_detector_says_whose_embeddings_it_reads(job: TrainingJob, tmp_path: Path) -> None:
    train(shortened(job, tmp_path / "run", steps=1, milestones=()), World())
    detector = Detector.load(tmp_path / "run" / "best", "cpu")
    stranger = Predictor(replace(load_checkpoint(job.recipe.weights), sha256="1" * 64))
    embedding = stranger.encode(np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(EmbeddingError, match=r"was trained on embeddings by tiny@.*by tiny@1111"):
        detector.detect(embedding)
    with pytest.raises(LayoutError, match="is no detector; train one"):
        Detector.load(job.recipe.weights, "cpu")
    with pytest.raises(LayoutError, match="of the family detector, which takes no prompts"):
        Predictor(load_checkpoint(tmp_path / "run" / "best"))
    with pytest.raises(LayoutError, match="takes no prompts"):
        DETECTOR.start(shortened(job, tmp_path / "x", weights=str(tmp_path / "run/best")), World())


def test_what_it_would_do_and_need(job: TrainingJob) -> None:
    plan = plan_of(job)
    assert plan.learning.images == IMAGES
    assert plan.needs.start.startswith("random numbers, over embeddings by tiny@")
    assert plan.needs.embeddings == 2 * 64 * 8 * 8
    assert plan.needs.memory.head > 0
    assert plan.needs.work is not None
    assert plan.needs.work.step > 0
    with pytest.raises(WeightsError):
        plan_of(replace(job, recipe=replace(job.recipe, weights="nowhere/at/all")))


def test_recipes_that_can_not_be_followed() -> None:
    recipe = find_recipe("detector")
    for setting in ("channels=20", "blocks=0", "flip=2", "doubt=0", "weights=", "box_weight=-1"):
        with pytest.raises(RecipeError, match=setting.partition("=")[0]):
            override(recipe, [setting])


def test_how_checkpoints_are_used() -> None:
    assert (SAM.use, DETECTOR.use) == ("--weights", "the detector is")
