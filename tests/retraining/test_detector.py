"""The detector of stage 2: trained on what is done, its threshold chosen, taken by prefill."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.core.detecting.worth import USUAL, WorthyThreshold
from anymask.engine.store.automation.models import last_model, model_in_use
from anymask.engine.store.images import list_images
from anymask.errors import Error
from anymask.retraining import detector
from anymask.retraining.detector import DetectorTraining, train_detector
from anymask.retraining.workshop import Workshop
from tests.retraining.conftest import HELD_OUT, NUMBERS, held_out
from tests.retraining.project import QUICK, Project, sets

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SETTINGS = (*QUICK, "channels=16", "ema=0")


def test_prefill_takes_the_detector_and_its_threshold(
    here: Workshop, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = DetectorTraining(str(project.weights), str(project.weights), SETTINGS)
    prefill = ["engine", "prefill", str(project.folder), "--weights", str(project.weights)]
    none = CliRunner().invoke(app, prefill)
    assert isinstance(none.exception, Error)
    assert "no detector is trained yet" in str(none.exception)
    sure = WorthyThreshold(0.0, 10, 3, 1, 61.5)
    monkeypatch.setattr(detector, "worthy_threshold", lambda scores, fits, pace: sure)
    trained = train_detector(here, asked)
    assert trained.model.figures["pace"] == asdict(USUAL)
    assert trained.model.figures["saved_s"] != 0
    assert trained.is_promoted
    assert trained.model == here.store.read(model_in_use, "detector")
    assert 0 <= trained.model.figures["ar_100_50"] <= 1
    assert trained.model.figures["images"] == len(NUMBERS) - len(held_out())
    project.reopen(*NUMBERS)
    done = CliRunner().invoke(app, prefill)
    assert done.exit_code == 0, done.output
    assert "suggesting what scores 0.000 or more, which saved" in done.output
    found = here.store.read(list_images).images
    suggested = {int(image.name.split(".")[0]) for image in found if image.suggestions}
    assert suggested
    assert not suggested & set(held_out()), "people alone annotate what is held out"


def test_a_detector_that_is_never_sure_is_not_used(project: Project) -> None:
    words = ("detector", project.folder, "--weights", project.weights, "--held-out", HELD_OUT)
    status, out, errors = project.run(*words, *sets(*SETTINGS))
    assert status == 0, errors
    assert "is not used (it is kept as model 1): " in out
    with project.store() as store:
        assert store.read(model_in_use, "detector") is None
        last = store.read(last_model, "detector")
    assert last is not None
    assert last.state == "refused"
