"""``anymask train`` as a person runs it: a plan, a run, a kill -9, a resumption."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.weights.checkpoint import Checkpoint
from tests.training.scripted import write_folder

SETTINGS = {
    "steps": "5",
    "warmup_steps": "1",
    "milestones": "4",
    "batch": "1",
    "images_per_pass": "1",
    "masks_per_pass": "3",
    "holdout": "0.25",
    "validate_every": "5",
    "save_every": "1",
}


@pytest.fixture
def arguments(tiny_checkpoint: Checkpoint, tmp_path: Path) -> list[str]:
    """A short run on a tiny model, without its ``--out``."""
    tiny_checkpoint.save(tmp_path / "tiny")
    data = write_folder(tmp_path / "data", 8)
    settings = {**SETTINGS, "weights": str(tmp_path / "tiny")}
    changes = [word for k, v in settings.items() for word in ("--set", f"{k}={v}")]
    return ["train", "finetune_decoder", "--data", str(data), "--device", "cpu", *changes]


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    error = "" if result.exception is None else str(result.exception)
    return result.exit_code, result.stdout, result.stderr + error


def test_a_dry_run_shows_everything_and_writes_nothing(
    arguments: list[str], tmp_path: Path
) -> None:
    status, out, _ = run(*arguments, "--out", tmp_path / "run", "--dry-run")
    assert status == 0
    assert "finetune_decoder: 5 steps of 1 images" in out
    assert "  lr = 0.0001\n" in out
    assert "  milestones = 4\n" in out
    assert "data: 6 parts to learn from, 2 held out" in out
    assert "memory: about" in out
    assert "MB for each image's embedding" in out
    assert not (tmp_path / "run").exists()
    status, out, _ = run(*arguments, "--out", tmp_path / "run", "--dry-run", "--json")
    plan = json.loads(out)
    assert plan["recipe"]["steps"] == 5
    parts = [plan["memory"][name] for name in ("weights", "gradients", "encoder", "head")]
    assert plan["memory"]["total"] == sum(parts) > 0


def test_images_elsewhere_and_crowds_are_options_of_training(
    arguments: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "coco"
    folder.mkdir()
    square = [[4, 4, 40, 4, 40, 40, 4, 40]]
    runs = {"size": [96, 96], "counts": [700, 300, 96 * 96 - 1000]}
    images, entries = [], []
    for path in sorted((tmp_path / "data").rglob("images/*.png")):
        images.append({"id": path.stem, "file_name": f"C:\\shots\\{path.name}"})
        one = {"image_id": path.stem, "category_id": 1}
        entries += [{**one, "segmentation": square}, {**one, "segmentation": runs, "iscrowd": 1}]
    (folder / "x.json").write_text(json.dumps({"images": images, "annotations": entries}))
    words = list(arguments)
    words[words.index("--data") + 1] = str(folder / "x.json")
    status, _, said = run(*words, "--out", tmp_path / "run", "--dry-run")
    assert status == 1
    assert "give their folder as images (--images)" in said
    there = ("--images", tmp_path / "data", "--crowds", "ignore")
    status, out, _ = run(*words, "--out", tmp_path / "run", *there, "--dry-run")
    assert status == 0
    assert "data: 6 parts to learn from, 2 held out (COCO annotations)" in out
    assert "note: x.json: 8 of its annotations are marked iscrowd 1 and left out as crowds" in out
    status, _, said = run(*words, "--out", tmp_path / "run", *there)
    assert status == 0
    assert "anymask: x.json: 8 of its annotations are marked" in said


def test_a_run_says_how_it_went_and_its_weights_are_of_use(
    arguments: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    status, out, err = run(*arguments, "--out", folder, "--json")
    assert status == 0
    summary = json.loads(out)
    assert (summary["steps"], summary["stopped"]) == (5, False)
    assert summary["first"]["step"] == 0
    assert summary["last"]["step"] == 5
    assert "step 5: mIoU" in err
    assert f"--weights {folder}/best" in err
    picture = next((tmp_path / "data").rglob("images/*.png"))
    status, out, _ = run(
        "segment", picture, "--point", "40,40", "--weights", folder / "best", "--json"
    )
    assert status == 0
    assert json.loads(out)["annotations"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--set", "step=3"], "did you mean steps"),
        (["--set", "steps=x"], "steps is a whole number"),
        (["--set", "weights=nowhere.pth"], "there is no file or folder nowhere.pth"),
        (["--set", "batch=7", "--set", "images_per_pass=2"], "batch 7 can't be divided"),
        (["--set", "mae=nowhere.pth", "--set", "train_encoder=true"], "nowhere.pth"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: list[str], tmp_path: Path, changes: list[str], said: str
) -> None:
    status, _, err = run(*arguments, "--out", tmp_path / "run", *changes)
    assert status == 1
    assert said in err


def test_unknown_recipes_and_data_are_explained(arguments: list[str], tmp_path: Path) -> None:
    assert (
        "did you mean finetune_all" in run("train", "finetune_al", *arguments[2:], "--out", "x")[2]
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    status, _, err = run("train", "finetune_all", "--data", empty, "--out", tmp_path / "run")
    assert status == 1
    assert "empty" in err
    status, _, err = run(
        "train", "finetune_all", "--data", tmp_path / "nowhere", "--out", tmp_path / "run"
    )
    assert status == 1
    assert "nowhere" in err


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_curve(
    arguments: list[str], tmp_path: Path
) -> None:
    def start(out: Path) -> subprocess.Popen[bytes]:
        words = [*arguments, "--out", str(out), "--resume", "--set", "steps=12"]
        command = [sys.executable, "-m", "anymask", *words]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def losses(out: Path) -> list[float]:
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        return [line["loss"] for line in lines if "loss" in line]

    assert start(tmp_path / "whole").wait(120) == 0
    cut, chance = tmp_path / "cut", random.Random(0)
    for after in (3, 7):
        process = start(cut)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            log = cut / "log.jsonl"
            if log.exists() and log.read_text().count("loss") >= after:
                break
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.wait()
    assert start(cut).wait(120) == 0
    assert losses(cut) == pytest.approx(losses(tmp_path / "whole"), rel=1e-6)
    assert os.readlink(cut / "last") == "step-000012"


@pytest.mark.slow
def test_ctrl_c_ends_the_step_in_hand_and_says_how_to_go_on(
    arguments: list[str], tmp_path: Path
) -> None:
    words = [*arguments, "--out", str(tmp_path / "run"), "--set", "steps=100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "anymask", *words],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "last").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert b"run the same command with --resume" in err
    assert not list((tmp_path / "run" / ".parts").glob("*"))
