"""Resumption: what is not said is what the run's folder says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anymask.errors import RecipeError, TrainingError
from anymask.training.resumption import Request, job_of
from anymask.training.run_folder import RunFolder
from anymask.training.sam.recipes import finetune_decoder
from anymask.weights.checkpoint import Checkpoint

ABOUT = {"data": "data", "validation": ""}


@pytest.fixture
def folder(
    tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> RunFolder:
    """Of a run of 7 steps that began in a folder of its own."""
    (tmp_path / "home" / "data").mkdir(parents=True)
    tiny_checkpoint.save(tmp_path / "home" / "tiny")
    monkeypatch.chdir(tmp_path / "home")
    settings = ["steps=7", "lr=1e-3", "weights=tiny"]
    job = job_of(Request(tmp_path / "run", "finetune_decoder", "data", settings=settings))
    folder = RunFolder.begin(tmp_path / "run", job.recipe, ABOUT, resume=False)
    folder.save(1, {"step": 1}, tiny_checkpoint, is_best=False)
    return folder


def test_nothing_needs_to_be_said_again(folder: RunFolder) -> None:
    request = Request(folder.path, resume=True)
    assert request.missing == ()
    job = job_of(request)
    assert (job.recipe.steps, job.recipe.lr, job.data) == (7, 1e-3, "data")
    RunFolder.begin(folder.path, job.recipe, ABOUT, resume=True)


def test_paths_lead_where_they_led(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = job_of(Request(folder.path, resume=True))
    assert Path(job.data).samefile(tmp_path / "home" / "data")
    assert Path(job.recipe.weights).samefile(tmp_path / "home" / "tiny")
    RunFolder.begin(folder.path, job.recipe, ABOUT, resume=True)


def test_what_is_said_goes_before_and_is_compared(folder: RunFolder) -> None:
    job = job_of(Request(folder.path, "finetune_decoder", "moved", "", ["steps=9"], resume=True))
    assert (job.recipe.steps, job.recipe.lr, job.data) == (9, 1e-3, "moved")
    RunFolder.begin(folder.path, job.recipe, ABOUT, resume=True)  # steps may change
    other = job_of(Request(folder.path, settings=["lr=1e-2"], resume=True))
    with pytest.raises(TrainingError, match=r"lr was 0\.001 and is 0\.01"):
        RunFolder.begin(folder.path, other.recipe, ABOUT, resume=True)
    with pytest.raises(TrainingError, match="recipe was finetune_decoder and is finetune_all"):
        job_of(Request(folder.path, "finetune_all", resume=True))


def test_a_new_run_needs_a_recipe_and_data(tmp_path: Path, folder: RunFolder) -> None:
    assert Request(tmp_path / "new", resume=True).missing == ("recipe", "data")
    assert Request(tmp_path / "new", "paper").missing == ("data",)
    assert Request(folder.path).missing == ("recipe", "data")  # without --resume
    with pytest.raises(RecipeError):
        job_of(Request(tmp_path / "new", "papr", "data"))


@pytest.mark.parametrize("content", ["{", "[]", "{}", {"recipe": {"name": "finetune_decoder"}}])
def test_a_damaged_folder_is_named(folder: RunFolder, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder.path / "recipe.json").write_text(text)
    with pytest.raises(TrainingError, match=r"recipe\.json"):
        job_of(Request(folder.path, resume=True))


def test_a_run_that_never_got_to_a_checkpoint_may_become_another(tmp_path: Path) -> None:
    RunFolder.begin(tmp_path / "run", finetune_decoder(), ABOUT, resume=False)
    assert job_of(Request(tmp_path / "run", "paper", "x", resume=True)).recipe.name == "paper"
