"""What becomes of a model that is worse, and of one that a killed process had noted already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from anymask.engine.store.automation.held_out import hold_out
from anymask.engine.store.automation.models import list_models, model_in_use
from anymask.errors import OutputError, StoreError
from anymask.retraining import sam
from anymask.retraining.measuring import Measured
from anymask.retraining.models_folder import ModelsFolder
from anymask.retraining.sam import Retraining, new_masks, retrain
from anymask.retraining.workshop import Workshop
from tests.retraining.project import SAM_QUICK, Project

GOOD = {"miou_clicks": 0.5, "found": 0.5, "calibration_error": 0.1}


@pytest.fixture
def asked(project: Project) -> Retraining:
    return Retraining(str(project.weights), settings=SAM_QUICK)


def measured_as(monkeypatch: pytest.MonkeyPatch, *figures: dict[str, float]) -> None:
    """What measuring gives: of the old model, of the new one, and so on."""
    left = iter(figures)
    monkeypatch.setattr(sam, "sam_measured", lambda *given: Measured(next(left), {}))


def test_a_worse_model_is_kept_and_not_used(
    here: Workshop, asked: Retraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert new_masks(here.store) > 0
    measured_as(monkeypatch, GOOD, GOOD | {"found": 0.3})
    refused = retrain(here, asked)
    assert (refused.is_promoted, refused.model.state) == (False, "refused")
    assert "everything-mode finds was 0.500 and is 0.300" in refused.worse[0]
    assert here.store.read(model_in_use, "sam") is None
    assert (here.models.path / "1" / "model.safetensors").is_file()
    assert new_masks(here.store) == 0, "it has learned from them, though it was refused"
    measured_as(monkeypatch, GOOD, GOOD)
    promoted = retrain(here, Retraining(asked.base, settings=(*SAM_QUICK, "seed=1")))
    assert promoted.is_promoted
    assert here.store.read(model_in_use, "sam") == promoted.model


def test_what_was_noted_before_its_process_was_killed_is_not_noted_twice(
    here: Workshop, asked: Retraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_as(monkeypatch, GOOD, GOOD, GOOD, GOOD)
    with monkeypatch.context() as killed:
        killed.setattr(ModelsFolder, "clear", cleared_until_noted(here))
        first = retrain(here, asked)
    assert (here.models.path / "sam" / "plan.json").is_file(), "it was not cleared away"
    again = ModelsFolder(here.models.path)
    second = retrain(Workshop(**{**vars(here), "models": again}), asked)
    assert second.model == first.model
    assert len(here.store.read(list_models)) == 1
    assert not (again.path / "sam").exists()


def cleared_until_noted(here: Workshop) -> Any:
    clear = ModelsFolder.clear

    def once(folder: ModelsFolder, kind: Any) -> None:
        if not here.store.read(list_models):
            clear(folder, kind)

    return once


def test_nothing_half_written_is_promoted_when_the_disk_is_full(
    here: Workshop, asked: Retraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_as(monkeypatch, GOOD, GOOD, GOOD, GOOD)

    replace = os.replace

    def full(part: Path, target: Path) -> None:
        if target.parent == here.models.path and target.name == "1":
            raise OSError(28, "No space left on device")
        replace(part, target)

    with monkeypatch.context() as disk:
        disk.setattr(os, "replace", full)
        with pytest.raises(OutputError, match="No space left on device"):
            retrain(here, asked)
    assert here.store.read(list_models) == []
    done = retrain(here, asked)
    assert done.model.number == 1
    assert done.is_promoted


def test_without_images_to_measure_with_nothing_is_trained(
    here: Workshop, asked: Retraining
) -> None:
    here.store.write(hold_out, 1e-9)
    with pytest.raises(StoreError, match="held out is done yet"):
        retrain(here, asked)
    assert here.store.read(list_models) == []
