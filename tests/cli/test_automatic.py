"""``anymask engine automatic``: masks of everything, once an image, whenever it is killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.cli.serving.stores import beside_images
from anymask.engine.stages.running import runs_now
from anymask.engine.store.automation.audits import put_figures, start_audit
from anymask.engine.store.automation.models import add_model
from anymask.engine.store.documents import document
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images
from anymask.engine.store.store import Store
from anymask.engine.store.values import ImageSummary
from anymask.predict.load import ModelSource
from anymask.weights.checkpoint import Checkpoint

ROUNDS, IMAGES = 6, 40
LOOSE = ("--points-per-side", 3, "--pred-iou-thresh", 0, "--stability-score-thresh", 0)


def photos(folder: Path, count: int) -> Path:
    """Images, in a store beside them."""
    folder.mkdir()
    numbers = np.random.default_rng(0)
    for number in range(count):
        pixels = numbers.integers(0, 256, (60, 90, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    with Store.open(beside_images(folder)) as store:
        scan_folder(store, folder)
    return folder


@pytest.fixture
def weights(tmp_path: Path, tiny_checkpoint: Checkpoint) -> Path:
    tiny_checkpoint.save(tmp_path / "tiny")
    return tmp_path / "tiny"


def automatic(*words: object) -> Any:
    return CliRunner().invoke(app, ["engine", "automatic", *map(str, words)])


def images_of(folder: Path) -> tuple[ImageSummary, ...]:
    with Store.open(beside_images(folder)) as store:
        return store.read(list_images).images


def test_everything_becomes_masks_once(tmp_path: Path, weights: Path) -> None:
    folder = photos(tmp_path / "photos", 2)
    with Store.open(beside_images(folder)) as store:
        model_id = ModelSource(str(weights), "cpu", offline=True).load().model_id
        store.write(
            add_model, 1, "sam", model_id, str(weights), parent_id=None, state="promoted",
            figures={},
        )  # fmt: skip
    done = automatic(folder, *LOOSE, "--device", "cpu", "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert (facts["model_id"], facts["images"]) == (model_id, 2), "the model that is in use"
    seen = images_of(folder)
    assert sum(one.masks for one in seen) == facts["added"] > 0
    assert {one.state for one in seen} == {"done"}
    assert sorted(path.name for path in (folder / ".anymask").iterdir()) == ["store.sqlite"]
    again = automatic(folder, *LOOSE, "--weights", weights, "--device", "cpu")
    assert "0 masks in 0 images" in again.output
    assert images_of(folder) == seen
    with Store.open(beside_images(folder)) as store:
        (run,) = runs_now(store)
        audit, _ = store.write(start_audit, [seen[0].id], 0)
        thresholds = {"pred_iou_thresh": 0.5, "stability_score_thresh": 0.25}
        store.write(put_figures, audit.id, {"thresholds": thresholds})
    assert (run.kind, run.state, run.done) == ("automatic", "ended", 0)
    told = automatic(folder, "--stability-score-thresh", 1, "--points-per-side", 1, "--json")
    assert "by the audit" in told.stderr
    assert "--pred-iou-thresh 0.5" in told.stderr
    assert json.loads(told.stdout)["thresholds"] == {
        "pred_iou_thresh": 0.5,
        "stability_score_thresh": 1.0,
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cluster_does_the_same(tmp_path: Path, weights: Path) -> None:
    pytest.importorskip("ray")
    here, there = photos(tmp_path / "here", 2), photos(tmp_path / "there", 2)
    words = (*LOOSE, "--weights", weights, "--device", "cpu")
    assert automatic(here, *words).exit_code == 0
    done = automatic(there, *words, "--on", "ray", "--actors", 1, "--work", tmp_path / "work")
    assert done.exit_code == 0, done.output
    counts = [[one.masks for one in images_of(folder)] for folder in (here, there)]
    assert counts[0] == counts[1] != [0, 0]
    assert not (tmp_path / "work").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_image_is_filled_once_whenever_it_is_killed(tmp_path: Path, weights: Path) -> None:
    folder, dice = photos(tmp_path / "photos", IMAGES), random.Random(0)
    words = [folder, *LOOSE, "--box-nms-thresh", 1, "--weights", weights, "--device", "cpu"]
    command = [sys.executable, "-m", "anymask", "engine", "automatic", *map(str, words)]
    left: list[int] = []
    for _ in range(ROUNDS):
        before = _done(folder)
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while _done(folder) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)  # until it works
        time.sleep(dice.uniform(0, 1.5))
        process.kill()
        process.wait()
        left.append(IMAGES - _done(folder))
    assert left[0] > 0, "killed at work"
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"images left after each kill: {left}; {ended.stdout}")
    with Store.open(beside_images(folder)) as store:
        for seen in store.read(list_images).images:
            whole = store.read(document, seen.id)
            assert [one.kind for one in whole.log] == ["automatic", "state"], seen.name
            assert len(whole.masks) == len(whole.log[0].changes) > 0
            assert seen.lease is None
    assert sorted(path.name for path in (folder / ".anymask").iterdir()) == ["store.sqlite"]


def _done(folder: Path) -> int:
    return sum(one.state == "done" for one in images_of(folder))
