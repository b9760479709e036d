"""Projects to retrain in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.store.automation.held_out import hold_out, is_held_out
from anymask.predict.disk_cache import embedding_cache, picture_cache
from anymask.retraining import detector, process, sam
from anymask.retraining.models_folder import ModelsFolder
from anymask.retraining.workshop import Workshop
from anymask.weights.checkpoint import Checkpoint
from tests.retraining.project import Project

HELD_OUT = 0.3
IMAGES = 12
NUMBERS = range(IMAGES)


def held_out() -> list[int]:
    """Which images are."""
    return [number for number in NUMBERS if is_held_out(f"{number}.png", HELD_OUT)]


@pytest.fixture
def project(
    tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """All of it done."""
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    made = Project(tmp_path, IMAGES, tiny_checkpoint)
    made.finish(*NUMBERS)
    return made


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A workshop that trains in this process, and exports nothing for browsers."""
    for module in (sam, detector):
        monkeypatch.setattr(module, "run", lambda trial, *told: process._train(asdict(trial)))
    monkeypatch.setattr(sam, "_export", lambda *given: None)
    cache = project.cache / "annotate"
    with project.store() as store:
        store.write(hold_out, HELD_OUT)
        yield Workshop(
            store,
            ImageFolder(project.folder),
            ModelsFolder(project.models),
            Pictures(picture_cache(cache)),
            embedding_cache(cache),
            lambda line: None,
            lambda done, total: None,
            offline=True,
        )
