"""Dropout of the decoder as a field of recipes: who has it, and that runs go on exactly with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from anymask.errors import RecipeError, TrainingError
from anymask.models.sam import Sam
from anymask.training.distributed import World
from anymask.training.job import TrainingJob
from anymask.training.learner import Entry
from anymask.training.loop import train
from anymask.training.recipe import override
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.recipes import RECIPES, finetune_decoder
from anymask.training.sam.start import prepare
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from tests.conftest import TINY
from tests.training.scripted import write_folder

PAPERS = {"paper_text", "paper", "paper_vit_b", "paper_vit_l", "assisted", "automatic"}
Runner = Callable[..., list[float]]


@pytest.fixture
def run(tiny_checkpoint: Checkpoint, tmp_path: Path) -> Runner:
    """Train the head of a tiny model; gives the losses."""
    tiny_checkpoint.save(tmp_path / "tiny")
    data = write_folder(tmp_path / "data", 6)
    recipe = replace(
        finetune_decoder(), weights=str(tmp_path / "tiny"), steps=4, warmup_steps=1, milestones=(),
        lr=1e-3, batch=2, images_per_pass=2, masks_per_pass=6, further_points=1, holdout=0.0,
        save_every=2, decoder_dropout=0.1,
    )  # fmt: skip

    def go(out: str, resume: bool = False, **changes: Any) -> list[float]:
        entries: list[Entry] = []
        changed = replace(recipe, **changes)
        train(
            TrainingJob(changed, str(data), tmp_path / out, resume=resume), World(), entries.append
        )
        return [entry["loss"] for entry in entries if "loss" in entry]

    return go


def test_the_papers_recipes_have_the_papers_dropout_and_no_others() -> None:
    """§A: 0.1 in the decoder while training."""
    rates = {name: make().decoder_dropout for name, make in RECIPES.items()}
    assert rates == {name: 0.1 if name in PAPERS else 0.0 for name in RECIPES}


def test_a_prepared_model_drops_in_the_decoder_alone() -> None:
    model = prepare(Sam(TINY), SamRecipe(decoder_dropout=0.2, drop_path=0.0))
    rates = {
        name: module.dropout for name, module in model.named_modules() if hasattr(module, "dropout")
    }
    assert set(rates.values()) == {0.2}
    assert all(name.startswith("mask_decoder.transformer.") for name in rates)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["decoder_dropout=1"], "decoder_dropout must be at least 0 and below 1"),
        (["decoder_dropout=-0.1"], "decoder_dropout must be at least 0 and below 1"),
        (
            ["decoder_dropout=0.1", "train_encoder=true", "train_head=false"],
            "decoder_dropout needs train_head",
        ),
    ],
)
def test_rates_that_can_not_be_are_refused(settings: list[str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        override(finetune_decoder(), settings)


def test_a_run_with_dropout_goes_on_as_if_it_had_never_stopped(run: Runner, tmp_path: Path) -> None:
    whole = run("whole")
    cut = run("cut", steps=2)
    assert cut + run("cut", resume=True) == whole
    a, b = (read_checkpoint(tmp_path / name / "last").state for name in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert whole[0] != run("without", decoder_dropout=0.0)[0]


def test_prompts_at_once_decide_what_is_dropped_and_may_not_change_then(run: Runner) -> None:
    run("with", steps=2)
    with pytest.raises(TrainingError, match="prompts_per_pass was 4 and is 3"):
        run("with", resume=True, prompts_per_pass=3)
    run("without", steps=2, decoder_dropout=0.0)
    assert len(run("without", resume=True, decoder_dropout=0.0, prompts_per_pass=3)) == 2


def test_a_run_made_before_there_was_dropout_goes_on_without(run: Runner, tmp_path: Path) -> None:
    whole = run("whole", decoder_dropout=0.0)
    cut = run("cut", steps=2, decoder_dropout=0.0)
    file = tmp_path / "cut" / "recipe.json"
    header = json.loads(file.read_text())
    del header["recipe"]["decoder_dropout"]
    file.write_text(json.dumps(header))
    with pytest.raises(TrainingError, match=r"decoder_dropout was 0\.0 and is 0\.1"):
        run("cut", resume=True)
    assert cut + run("cut", resume=True, decoder_dropout=0.0) == whole


def test_a_recipe_written_before_is_read_with_no_dropout() -> None:
    plain = finetune_decoder().to_json()
    del plain["decoder_dropout"]
    assert SamRecipe.from_json(plain) == finetune_decoder()
