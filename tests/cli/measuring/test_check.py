"""``anymask dataset check``: what it prints, how it ends, alone and in several processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from anymask.cli.main import app
from tests.datasets.checking.folders import record, whole, write

runner = CliRunner()


def check(*arguments: object) -> Result:
    return runner.invoke(app, ["dataset", "check", *map(str, arguments)])


def damaged(folder: Path) -> Path:
    content = record(2)
    content["annotations"][0]["area"] = 1
    write(whole(folder), 2, content)
    return folder


def test_a_whole_dataset_ends_well(tmp_path: Path) -> None:
    done = check(whole(tmp_path / "a"))
    assert done.exit_code == 0, done.output
    assert done.stdout == "SA-1B records: 2 images, 6 masks; no faults\n"


def test_faults_are_printed_and_end_with_one(tmp_path: Path) -> None:
    done = check(damaged(tmp_path / "a"))
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "area: 1",
        "  sa_2.json, mask 0: its area is 1, and it has 63 pixels",
        "SA-1B records: 2 images, 6 masks; 1 fault",
    ]


def test_json_says_the_same(tmp_path: Path) -> None:
    done = check(damaged(tmp_path / "a"), "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["faults"], told["kinds"], told["masks"]) == (1, {"area": 1}, 6)
    assert told["named"][0]["file"] == "sa_2.json"
    assert told["named"][0]["mask"] == 0


@pytest.mark.slow
def test_several_processes_find_the_same(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a", 100)
    for number in (7, 70):
        content = record(number)
        content["annotations"][0]["area"] = content["image"]["image_id"] = 1
        write(folder, number, content)
    alone, together = (check(folder, "--json", "--processes", n) for n in (1, 2))
    assert alone.exit_code == together.exit_code == 1
    assert json.loads(alone.stdout) == json.loads(together.stdout)
    assert json.loads(alone.stdout)["kinds"] == {"area": 2, "duplicate image_id": 2}


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_ends_it_with_a_line(tmp_path: Path, processes: int) -> None:
    folder = whole(tmp_path / "a", 1)
    text = (folder / "sa_1.json").read_text()
    for number in range(2, 3000):
        shutil.copy(folder / "sa_1.jpg", folder / f"sa_{number}.jpg")
        (folder / f"sa_{number}.json").write_text(text)
    command = [sys.executable, "-m", "anymask", "dataset", "check", str(folder)]
    running = subprocess.Popen(
        [*command, "--processes", str(processes), "--pixels"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    time.sleep(3)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: all of its processes
    out, told = running.communicate(timeout=30)
    if running.returncode == 1:
        pytest.skip("the machine was done before it was stopped")
    assert running.returncode == 130
    assert told.splitlines()[-1] == "anymask: stopped"
    assert "Traceback" not in told
    assert out == ""
