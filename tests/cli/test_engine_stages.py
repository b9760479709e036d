"""``anymask engine status``, ``stage`` and ``choose`` as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.cli.serving.stores import beside_images
from anymask.core.image import RGB
from anymask.engine.stages.running import running
from anymask.engine.store.annotators import local_annotator
from anymask.engine.store.automation.models import add_model
from anymask.engine.store.automation.runs import begin_run
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images, set_size
from anymask.engine.store.store import Store
from anymask.engine.store.values import Effort
from anymask.errors import Error
from anymask.weights.checkpoint import Checkpoint
from tests.engine.store.steps import HW, Page, add, become

NAMES = ["a.png", "b.png", "c.png"]


@pytest.fixture
def folder(tmp_path: Path, picture: RGB) -> Path:
    """Three images in a store beside them; two masks of ten seconds each in the first."""
    images = tmp_path / "photos"
    images.mkdir()
    for name in NAMES:
        Image.fromarray(picture).save(images / name)
    with opened(images) as store:
        scan_folder(store, images)
        first = store.read(list_images).images[0].id
        store.write(set_size, first, HW[1], HW[0])
        desk = Page(store, first, store.write(local_annotator))
        effort = Effort(seconds=10.0, clicks_add=2)
        desk.send(add(effort=effort), add(effort=effort), become("done"))
    return images


def opened(folder: Path) -> Store:
    return Store.open(beside_images(folder))


def engine(*words: object) -> str:
    """What a command prints; it must go well."""
    done = CliRunner().invoke(app, ["engine", *map(str, words)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def refused(*words: object) -> str:
    """The line that refuses a command."""
    done = CliRunner().invoke(app, ["engine", *map(str, words)])
    assert isinstance(done.exception, Error), done.output
    return str(done.exception)


def test_status_says_stages_models_and_runs(folder: Path) -> None:
    with opened(folder) as store:
        figures = {"saved_s": 9.0}
        store.write(
            add_model, 1, "detector", "sees@1", "1", parent_id=None, state="promoted",
            figures=figures,
        )  # fmt: skip
        with running(store, "retrain", 3) as run:
            run.step(2)
        with subprocess.Popen([sys.executable, "-c", ""]) as gone:
            gone.wait()
        store.write(begin_run, "prefill", os.uname().nodename, gone.pid, 9, lambda *_: False)
    text = engine("status", folder)
    assert "3 images (2 new, 1 done), 2 masks" in text
    assert "stage: assisted-manual; 0 images held out" in text
    assert "detector: sees@1, number 1" in text
    assert "retrain: ended, 2 of 3 done" in text
    assert "prefill: lost, 0 of 9 done" in text
    row = next(line for line in text.splitlines() if " me " in line)
    assert row.split()[-6:] == ["1", "2", "10.0", "2.0", "4", "0"]
    by_stage = engine("status", folder, "--by", "stage").splitlines()[-1]
    assert by_stage.split() == [
        "assisted-manual", "1", "2", "2.0", "10.0", "10.0", "0", "%", "0", "0",
    ]  # fmt: skip


def test_status_as_json(folder: Path) -> None:
    facts = json.loads(engine("status", folder, "--by", "stage", "--json"))
    assert (facts["images"], facts["masks"], facts["held_out"]) == (3, 2, 0)
    assert facts["stage"] == "assisted-manual"
    (stage,) = facts["stages"]
    assert (stage["stage"], stage["images"], stage["masks_per_image"]) == (
        "assisted-manual", 1, 2.0,
    )  # fmt: skip
    assert (stage["share_automatic"], stage["seconds_per_drawn_mask"]) == (0.0, 10.0)
    assert facts["models"] == {"sam": None, "detector": None}
    assert facts["runs"] == []
    assert [tally["stage"] for tally in facts["tallies"]] == ["assisted-manual"]


def test_a_stage_is_entered(folder: Path) -> None:
    text = engine("stage", folder)
    assert "stage: assisted-manual" in text
    assert "no   masks in all: 2, 500 wanted" in text
    assert "semi-automatic is not entered yet: masks" in refused(
        "stage", folder, "--enter", "semi-automatic"
    )
    text = engine("stage", folder, "--rule", "masks=2", "--rule", "images=1", "--rule", "saved=0")
    assert "yes  masks in all: 2, 2 wanted" in text
    assert "it can be entered: --enter semi-automatic" in text
    assert "stage: semi-automatic, since" in engine("stage", folder, "--enter", "semi-automatic")
    last = ("stage", folder, "--enter", "fully-automatic")
    assert "audit" in refused(*last)
    forced = json.loads(engine(*last, "--force", "--reason", "a trial", "--json"))
    assert (forced["stage"], forced["next"], forced["rule"]) == ("fully-automatic", None, [])
    assert [entry["stage"] for entry in forced["history"]] == ["semi-automatic", "fully-automatic"]
    assert forced["history"][1]["reason"].endswith("a trial")
    assert "it is the last stage" in engine("stage", folder)


@pytest.mark.parametrize(
    ("rule", "said"),
    [("masks", "write NAME=NUMBER"), ("masks=many", "write NAME=NUMBER"), ("x=1", "has no 'x'")],
)
def test_a_rule_that_is_none_is_refused(folder: Path, rule: str, said: str) -> None:
    assert said in refused("stage", folder, "--rule", rule)


def test_images_are_chosen(
    folder: Path, tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    tiny_checkpoint.save(tmp_path / "tiny")
    (folder / "c.png").write_bytes(b"broken")
    assert "2 images ordered by random" in engine("choose", folder, "--by", "random")
    for by in ("uncertain", "unlike"):
        said: Any = engine("choose", folder, "--by", by, "--weights", tmp_path / "tiny")
        assert f"2 images ordered by {by}: b.png, c.png" in said
        assert "c.png can't be looked at, and comes later" in said
    with opened(folder) as store, running(store, "choose"):
        assert "choose runs already" in refused("choose", folder, "--by", "random")
