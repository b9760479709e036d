"""In-context tuning: a prompt learns, nothing else does, and it goes where an example goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.core.in_context.example import Example
from anymask.errors import DatasetError, LayoutError, PromptError, RecipeError
from anymask.models.seggpt_prompt import SegGPTPrompt, SegGPTPromptConfig
from anymask.predict.in_context.seggpt import SegGPTPredictor, load_prompt
from anymask.training.families import find_recipe, training_of
from anymask.training.job import TrainingJob
from anymask.training.plan import plan_of
from anymask.training.seggpt.tuning_recipe import PromptRecipe
from anymask.weights.checkpoint import read_checkpoint
from anymask.weights.load import load_checkpoint
from tests.training.scripted import sample
from tests.training.seggpt.test_learner import losses, run
from tests.training.seggpt.tiny import recipe as model_recipe
from tests.training.seggpt.tiny import write_discs, write_tiny

CHANGES = {"steps": 4, "validate_every": 2, "save_every": 1}


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    """A prompt for a model of random numbers."""
    chosen = replace(PromptRecipe(**CHANGES), weights=str(write_tiny(tmp_path / "tiny")))  # type: ignore[arg-type]
    return TrainingJob(chosen, str(write_discs(tmp_path, 8)), tmp_path / "run")


def test_a_tuned_prompt_is_an_example(job: TrainingJob, tmp_path: Path) -> None:
    entries = run(job)
    assert len(losses(entries)) == 4
    assert entries[0]["note"] == "the prompt's labels: discs"
    assert "mIoU 0." in training_of(job.recipe).summary(entries[1])
    prompt = load_prompt(job.out / "best")
    assert prompt.config.labels == ("discs",)
    predictor = SegGPTPredictor.load(tmp_path / "tiny", "cpu")
    query = sample(50).pixels()
    answer = predictor.segment(query, [prompt])
    assert answer.labelled.labels.shape == query.shape[:2]
    shown = Example.of_mask(query, np.eye(96, dtype=bool))
    both = predictor.segment(query, [prompt, shown])
    assert not np.array_equal(both.labelled.confidence, answer.labelled.confidence)
    file = job.out / "best" / "model.safetensors"
    assert file.stat().st_size < 2 * 3 * 48 * 48 * 4 + 1000
    three = Example(query, np.arange(96 * 96, dtype=np.int32).reshape(96, 96) % 4)
    with pytest.raises(PromptError, match="have 3"):
        predictor.segment(query, [prompt, three])
    with pytest.raises(PromptError, match="grid"):
        predictor.segment(query, [prompt, shown], ensemble="spatial")
    other = SegGPTPrompt(replace(prompt.config, model_id="another@0"))
    with pytest.raises(PromptError, match="tuned for another@0, and this is tiny"):
        predictor.segment(query, [other])


@pytest.mark.slow
def test_a_killed_tuning_goes_on_exactly(job: TrainingJob, tmp_path: Path) -> None:
    whole = run(replace(job, out=tmp_path / "whole"))
    cut = run(replace(job, out=tmp_path / "cut"), stop_after=2)
    rest = run(replace(job, out=tmp_path / "cut", resume=True))
    assert losses(cut) + losses(rest) == losses(whole)
    a, b = (read_checkpoint(tmp_path / name / "last").state for name in ("whole", "cut"))
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.slow
def test_a_prompt_is_worth_more_than_the_example_that_it_began_as(tmp_path: Path) -> None:
    """Of a model that has learned to paint discs, a little."""
    data = str(write_discs(tmp_path, 12))
    changes = {"steps": 60, "lr": 4e-3, "mix": 0.0, "half_mask": 1.0, "save_every": 60}
    run(TrainingJob(model_recipe(tmp_path, **changes), data, tmp_path / "model"))
    weights = str(tmp_path / "model" / "last")
    before = load_checkpoint(weights).state
    chosen = PromptRecipe(weights=weights, steps=30, validate_every=30, save_every=30)
    entries = run(TrainingJob(chosen, data, tmp_path / "prompt"))
    assert np.mean(losses(entries)[-8:]) < np.mean(losses(entries)[:8])
    after = load_checkpoint(weights).state
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_prompt_is_planned_and_refused(job: TrainingJob, tmp_path: Path) -> None:
    lines = list(plan_of(job).lines())
    assert any(line.startswith("start: an example of the data; tiny@") for line in lines)
    with pytest.raises(RecipeError, match="name it, --set weights"):
        plan_of(replace(job, recipe=find_recipe("seggpt_prompt")))
    with pytest.raises(DatasetError, match="shows any of cats"):
        run(replace(job, recipe=replace(job.recipe, groups=("cats",))))  # type: ignore[call-arg]
    prompt = SegGPTPrompt(SegGPTPromptConfig("m", (48, 48), ("a",)))
    with pytest.raises(LayoutError, match="no prompt that was tuned"):
        load_prompt(tmp_path / "tiny")
    assert prompt.image.shape == (1, 3, 48, 48)
