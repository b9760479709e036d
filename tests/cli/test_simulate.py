"""``anymask engine simulate``: simulated annotators, of a folder and at a server that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.cli.serving.stores import beside_images
from anymask.engine.annotate import Project
from anymask.engine.simulation.serving import staff
from anymask.engine.store.store import Store
from tests.engine.simulation.conftest import photos, project, running, truth, weights

__all__ = ["photos", "project", "truth", "weights"]
PATIENT = "--habit", "image_s=1e6", "--habit", "mask_s=1e6"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept from one test to the next."""
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))


def simulate(*words: object) -> Any:
    return CliRunner().invoke(app, ["engine", "simulate", *map(str, words)])


def test_a_folder_is_annotated_by_its_own_server(photos: Path, truth: Path, weights: Path) -> None:
    words = (photos, "--truth", truth, "--weights", weights, "--annotators", 2, *PATIENT)
    done = simulate(*words, "--until", 2, "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert (facts["images"], facts["masks"], facts["masks_per_image"]) == (2, 6, 3)
    assert facts["seconds_per_mask"] == pytest.approx(facts["seconds"] / 6)
    rest = simulate(*words)
    assert "1 images, 3 masks" in rest.stdout
    assert "0 images, 0 masks" in simulate(*words).stdout


def test_a_server_that_runs_is_worked_at(project: Project, truth: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    where = beside_images(project.folder)
    with Store.open(where) as store, running(store, project) as url:
        tokens.write_text("\n".join(staff(store, 2)))
        words = (url, "--truth", truth, "--images", project.folder, *PATIENT)
        done = simulate(*words, "--annotators", 2, "--tokens", tokens)
        assert done.exit_code == 0, done.output
        assert "3 images, 9 masks" in done.stdout
        too_few = simulate(*words, "--annotators", 3, "--tokens", tokens)
        assert too_few.exit_code == 1
        assert "2 tokens for 3 annotators" in str(too_few.exception)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--cost", "clik_s=1"), "did you mean click_s?"),
        (("--habit", "most_clicks=0"), "at least one click"),
        (("--annotators", "2"), "a token each"),
    ],
)
def test_nonsense_is_refused_before_anything_is_done(
    photos: Path, truth: Path, words: tuple[str, ...], line: str
) -> None:
    address = "http://127.0.0.1:9"
    refused = simulate(address, "--truth", truth, "--images", photos, *words)
    assert refused.exit_code == 1
    assert line in str(refused.exception)
