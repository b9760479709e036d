"""Retraining whole: what is learned from, measured, promoted or refused; ended at any moment."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from anymask.engine.embeddings.embeddings import name_of
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.store.automation.models import list_models, model_in_use
from anymask.predict.disk_cache import embedding_cache
from anymask.retraining.models_folder import ModelsFolder
from anymask.weights.load import load_checkpoint
from tests.retraining.conftest import HELD_OUT, IMAGES, NUMBERS, held_out
from tests.retraining.project import Project, figures_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EASY = ("--held-out", HELD_OUT, "--json")


def test_a_model_is_trained_measured_and_used(project: Project) -> None:
    status, out, errors = project.run(*project.retrain(*EASY))
    assert status == 0, errors
    said = figures_of(out)
    held = len(held_out())
    assert (said["number"], said["kind"]) == (1, "sam")
    figures = said["figures"]
    assert (figures["images"], figures["held_out_images"]) == (IMAGES - held, held)
    assert figures["masks"] == 2 * (IMAGES - held)
    assert f"{held} images are held out" in errors
    with project.store() as store:
        (model,) = store.read(list_models)
        assert store.read(model_in_use, "sam") == (model if model.state == "promoted" else None)
    base = load_checkpoint(project.weights)
    new = load_checkpoint(ModelsFolder(project.models).checkpoint(model))
    assert new.model_id == model.model_id != base.model_id
    assert model.encoder_id == base.model_id, "the decoder alone has learned"
    assert [path.name for path in sorted(project.models.iterdir())] == ["1", "embeddings"]
    # What was computed to learn from is there for who annotates.
    cache, folder = embedding_cache(project.cache / "annotate"), ImageFolder(project.folder)
    for number in NUMBERS:
        assert cache.has(name_of(base.model_id, folder.file(f"{number}.png")))


def test_nothing_is_done_before_enough_masks_are_new(project: Project) -> None:
    status, out, _ = project.run(*project.retrain(*EASY, "--after", 1000))
    assert status == 0
    assert "nothing to do: " in out
    assert " masks are new since the last time, of 1000" in out
    assert not project.models.exists()


def test_killed_in_training_it_goes_on_and_nothing_is_done_twice(project: Project) -> None:
    words = project.retrain(*EASY, "--set", "steps=40")
    process = project.start(*words)
    _wait_for(project.models / "sam" / "retrained" / "last", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    status, out, errors = project.run(*words)
    assert status == 0, errors
    assert figures_of(out)["number"] == 1
    with project.store() as store:
        assert len(store.read(list_models)) == 1
    steps = [line for line in errors.splitlines() if "40/40 steps" in line]
    assert steps, errors
    assert [path.name for path in sorted(project.models.iterdir())] == ["1", "embeddings"]


def _wait_for(path: Path, process: object, seconds: float = 400.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.05)
