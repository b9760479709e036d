"""Projects to retrain in."""

from __future__ import annotations

from pathlib import Path

import pytest

from anymask.engine.store.automation.held_out import is_held_out
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
