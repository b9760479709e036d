"""``anymask train`` as a person runs it: a plan, a run, a kill -9, a resumption."""

from __future__ import annotations

import json
import os
import random
import re
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


def test_a_dry_run_says_what_matters_first_and_writes_nothing(
    arguments: list[str], tmp_path: Path
) -> None:
    status, out, _ = run(*arguments, "--out", tmp_path / "run", "--dry-run")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("data: 6 images with ")
    assert " masks held out (mask pictures)" in lines[0]
    assert lines[1].startswith(f"start: {tmp_path / 'tiny'} with a ViT; the prompt encoder and")
    assert lines[2].startswith("memory: about")
    assert "MB for each image's embedding" in lines[2]
    assert "time: " in lines[2]
    assert "recipe: finetune_decoder, 5 steps of 1 image" in lines
    assert "  milestones = 4 (the recipe has 70,90)" in lines
    assert not any("lr = " in line for line in lines)
    assert "parts" not in out
    assert not (tmp_path / "run").exists()
    status, out, _ = run(*arguments, "--out", tmp_path / "run", "--dry-run", "--verbose")
    assert "  lr = 0.0001" in out.splitlines()
    status, out, _ = run(*arguments, "--out", tmp_path / "run", "--dry-run", "--json")
    plan = json.loads(out)
    assert plan["recipe"]["steps"] == 5
    assert (plan["parts"], plan["held_out"], plan["tried"]["learning"]["images"]) == (6, 2, 6)
    parts = [plan["memory"][name] for name in ("weights", "gradients", "encoder", "head")]
    assert plan["memory"]["total"] == sum(parts) > 0
    assert run(*arguments, "--out", tmp_path / "run", "--verbose")[0] == 2


def test_a_dry_run_promises_nothing_that_cant_be_read(arguments: list[str], tmp_path: Path) -> None:
    pictures = sorted((tmp_path / "data").rglob("images/*.png"))
    for picture in pictures[:3]:
        picture.write_bytes(picture.read_bytes()[:100])
    status, out, _ = run(*arguments, "--out", tmp_path / "run", "--dry-run")
    assert status == 0
    assert "can't be read: " in out
    assert out.splitlines()[0].startswith("data: ")
    assert sum(map(int, re.findall(r"(\d+) of \d+ images? can't be read", out))) == 3
    for picture in pictures[3:]:
        picture.write_bytes(b"no picture")
    status, out, err = run(*arguments, "--out", tmp_path / "run", "--dry-run")
    assert (status, out) == (1, "")
    assert "can be learned from; of 6 images tried none can be read: " in err


def test_a_run_goes_on_without_being_told_again(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    assert run(*arguments, "--out", folder, "--set", "steps=2")[0] == 0
    more = ("--resume", "--device", "cpu", "--set", "steps=4")
    status, _, err = run("train", "--out", folder, *more)
    assert (status, "4 steps done" in err) == (0, True)
    data = tmp_path / "elsewhere" / "data"
    data.parent.mkdir()
    (tmp_path / "data").rename(data)
    status, _, err = run("train", "--out", folder, *more)
    assert (status, "data" in err) == (1, True)
    monkeypatch.chdir(data.parent)
    for spelt in (data, f"{data}/", "data", "./data/"):
        assert run("train", "--out", folder, "--data", spelt, *more)[0] == 0
    assert run("train", "--out", folder, *more)[0] == 0  # it knows now
    status, _, err = run("train", "--out", folder, *more, "--set", "lr=1")
    assert (status, "lr was 0.0001 and is 1.0" in err) == (1, True)


def test_what_a_new_run_needs_is_said(tmp_path: Path) -> None:
    for words in ([], ["--resume"], ["--dry-run"]):
        status, _, err = run("train", "--out", tmp_path / "run", *words)
        assert status == 2
        assert "a run needs the argument RECIPE and the option --data" in err
    assert "holds no run to go on with" in run("train", "--out", tmp_path, "--resume")[2]
    assert "--data" in run("train", "finetune_all", "--out", tmp_path / "run")[2]


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_a_place_that_cant_be_written_is_found_before_the_data_is_read(
    tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    asked = ("train", "finetune_all", "--data", "nowhere", "--out", tmp_path / "file" / "run")
    status, _, err = run(*asked, *words)
    assert status == 1
    assert "file is no folder" in err


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
    assert "data: 6 images with 6 masks to learn from, 2 images with 2 masks held out" in out
    assert "note: x.json: 8 of its annotations are marked iscrowd 1 and left out as crowds" in out
    status, _, said = run(*words, "--out", tmp_path / "run", *there)
    assert status == 0
    assert "anymask: x.json: 8 of its annotations are marked" in said


def test_a_run_says_how_it_went_and_its_weights_are_of_use(
    arguments: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    status, out, err = run(*arguments, "--out", folder, "--set", "log_every=2", "--json")
    assert status == 0
    summary = json.loads(out)
    assert (summary["steps"], summary["stopped"]) == (5, False)
    assert summary["first"]["step"] == 0
    assert summary["last"]["step"] == 5
    assert "step 5: mIoU" in err
    assert f"--weights {folder}/best" in err
    assert "loss 0.0000" not in err  # of a step that the log does not tell
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
