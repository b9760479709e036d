"""``anymask evaluate`` as a person runs it: a result, resumption, workers, the page, the cards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.weights.checkpoint import Checkpoint
from tests.evaluation.scripted import save_pair
from tests.training.scripted import write_folder


@pytest.fixture
def weights(tiny_checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """A tiny model's folder."""
    tiny_checkpoint.save(tmp_path / "tiny")
    return tmp_path / "tiny"


def run(*words: object) -> tuple[int, str, str]:
    """Exit status, standard output, standard error and whatever was raised."""
    result = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    error = "" if result.exception is None else str(result.exception)
    return result.exit_code, result.stdout, result.stderr + error


def points(weights: Path, data: Path, out: Path, *more: object) -> tuple[int, str, str]:
    """One click, on a processor."""
    asked = ("--weights", weights, "--data", data, "--out", out, "--device", "cpu")
    return run("points", *asked, "--set", "clicks=1", *more)


def content(path: Path) -> dict[str, Any]:
    """A JSON file."""
    return dict(json.loads(path.read_text()))


def test_a_result_a_page_and_the_cards(weights: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 3)
    save_pair(data, "empty", discs=0)
    out = tmp_path / "points.json"
    status, shown, said = points(weights, data, out)
    assert status == 0
    assert "miou_1 " in shown
    assert "passed over images/empty.png: has no object in its mask" in said
    assert "3 images, 1 passed over" in said
    assert content(out)["options"]["clicks"] == [1]
    page = tmp_path / "page.md"
    status, _, said = run("report", out, "--weights", weights, "--out", page)
    assert (status, "lays out points.json" in said) == (0, True)
    assert str(tmp_path) not in page.read_text()
    card = tmp_path / "card.md"
    assert run("model-card", out, "--weights", weights, "--out", card)[0] == 0
    assert "Parameters" in card.read_text()
    assert run("data-card", "--data", data, "--out", tmp_path / "data.md")[0] == 0
    assert "# Data card: data" in (tmp_path / "data.md").read_text()


def test_crowds_of_a_coco_file_are_said_and_chosen(weights: Path, tmp_path: Path) -> None:
    save_pair(tmp_path / "data", "a", discs=0)
    square = [[4, 4, 40, 4, 40, 40, 4, 40]]
    runs = {"size": [64, 64], "counts": [700, 300, 64 * 64 - 1000]}
    entries = [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": square},
        {"id": 2, "image_id": 1, "category_id": 1, "segmentation": runs, "iscrowd": 1},
        {"id": 3, "image_id": 1, "category_id": 1, "segmentation": []},
    ]
    images = [{"id": 1, "file_name": "/elsewhere/a.png", "height": 64, "width": 64}]
    document = {"images": images, "annotations": entries}
    file = tmp_path / "marks.json"
    file.write_text(json.dumps(document))
    for number, (options, objects) in enumerate(
        [((), 2), (("--crowds", "objects"), 2), (("--crowds", "ignore"), 1)]
    ):
        out = tmp_path / f"{number}.json"
        there = ("--images", tmp_path / "data" / "images", *options)
        status, _, said = points(weights, file, out, *there)
        assert status == 0
        assert "note: marks.json: 1 of its annotations is marked iscrowd 1" in said
        assert "passed over a.png: annotation 3 is left out: no mask" in said
        lost = 2 if objects == 1 else 1
        assert f"1 images, 0 passed over, {lost} annotations left out, in" in said
        assert len(content(out)["rows"]) == objects
        assert len(content(out)["passed_over"]) == 2


def test_detections_that_fit_nothing_end_with_an_error(weights: Path, tmp_path: Path) -> None:
    save_pair(tmp_path, "a")
    square = [[4, 4, 40, 4, 40, 40, 4, 40]]
    entries = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": square}]
    images = [{"id": 1, "file_name": "a.png", "height": 64, "width": 64}]
    (tmp_path / "instances.json").write_text(json.dumps({"images": images, "annotations": entries}))
    found = tmp_path / "found.json"
    box = {"image_id": "1", "category_id": 1, "bbox": [4, 4, 36, 36], "score": 0.9}
    found.write_text(json.dumps([box]))
    asked = ("--weights", weights, "--data", tmp_path, "--device", "cpu")
    settings = ("--set", f"detections={found}")
    status, shown, said = run("boxes", *asked, *settings, "--out", tmp_path / "boxes.json")
    assert (status, shown) == (1, "")
    assert "note: found.json: 1 of its entries have ids that instances.json writes other" in said
    assert "found.json does not fit instances.json: 1 of its entries have ids of another" in said


def test_results_of_other_weights_get_on_no_page(
    weights: Path, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    data, out = write_folder(tmp_path / "data", 2), tmp_path / "points.json"
    points(weights, data, out)
    changed = {name: tensor + 1 for name, tensor in tiny_checkpoint.state.items()}
    Checkpoint("other", tiny_checkpoint.config, changed).save(tmp_path / "other")
    status, _, said = run(
        "report", out, "--weights", tmp_path / "other", "--out", tmp_path / "page.md"
    )
    assert status == 1
    assert "other@" in said
    assert not (tmp_path / "page.md").exists()


def test_a_limit_a_seed_and_json(weights: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 4)
    status, shown, _ = points(
        weights, data, tmp_path / "a.json", "--limit", 2, "--seed", 3, "--json"
    )
    assert status == 0
    assert json.loads(shown) == content(tmp_path / "a.json")["metrics"]
    assert (content(tmp_path / "a.json")["images"], content(tmp_path / "a.json")["seed"]) == (2, 3)
    assert content(tmp_path / "a.json")["options"]["seed"] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "click=2"], "did you mean clicks"),
        (["--set", "clicks=many"], "a whole number"),
        (["--data", "nowhere"], "there is no file or folder nowhere"),
        (["--weights", "nothing"], "nothing"),
        (["--out", "/dev/null/x.json"], "can't be written"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    weights: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    data = write_folder(tmp_path / "data", 2)
    status, _, error = points(weights, data, tmp_path / "x.json", *words)
    assert status == 1
    assert said in error
    assert not (tmp_path / "x.json").exists()


def test_a_result_is_never_overwritten(weights: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 2)
    assert points(weights, data, tmp_path / "x.json")[0] == 0
    status, _, error = points(weights, data, tmp_path / "x.json")
    assert (status, "is there already" in error) == (1, True)


def test_fields_and_datasets_are_listed() -> None:
    status, shown, _ = run("fields", "points")
    assert status == 0
    assert "clicks=1,2,3,5,9" in shown.splitlines()
    status, _, error = run("fields", "pionts")
    assert (status, "there is no experiment" in error) == (1, True)
    status, shown, _ = run("datasets")
    assert status == 0
    assert len(shown.splitlines()) > 23


def test_countries_become_a_result_and_a_page(tmp_path: Path) -> None:
    table = tmp_path / "where.csv"
    table.write_text("image,country\na.jpg,FR\nb.jpg,Kenya\nc.jpg,Atlantis\n")
    assert run("representation", table, "--out", tmp_path / "where.json")[0] == 0
    assert content(tmp_path / "where.json")["metrics"]["images/placed"] == 2
    assert run("report", tmp_path / "where.json", "--out", tmp_path / "page.md")[0] == 0
    assert "Africa" in (tmp_path / "page.md").read_text()


def command(weights: Path, data: Path, out: Path, *more: str) -> list[str]:
    """The same as a command of its own."""
    return [
        sys.executable, "-m", "anymask", "evaluate", "points", "--weights", str(weights),
        "--data", str(data), "--out", str(out), "--device", "cpu", *more,
    ]  # fmt: skip


def rows(path: Path) -> list[dict[str, Any]]:
    """The table of a result."""
    return list(content(path)["rows"])


@pytest.mark.slow
def test_killed_and_run_again_by_several_workers_it_is_the_same(
    weights: Path, tmp_path: Path
) -> None:
    data = write_folder(tmp_path / "data", 24)
    assert subprocess.run(command(weights, data, tmp_path / "a.json"), check=False).returncode == 0
    killed = subprocess.Popen(command(weights, data, tmp_path / "b.json"))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if len(list((tmp_path / "b.json.parts").glob("*.json"))) > 3:
            break
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "b.json").exists()
    again = command(weights, data, tmp_path / "b.json", "--workers", "2")
    assert subprocess.run(again, check=False).returncode == 0
    assert rows(tmp_path / "a.json") == rows(tmp_path / "b.json")


@pytest.mark.slow
def test_ctrl_c_says_what_is_kept_and_how_to_go_on(weights: Path, tmp_path: Path) -> None:
    data, parts = write_folder(tmp_path / "data", 200), tmp_path / "x.json.parts"
    stopped = subprocess.Popen(
        command(weights, data, tmp_path / "x.json"), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(list(parts.glob("*.json"))) < 3:
        time.sleep(0.02)
    stopped.send_signal(signal.SIGINT)
    _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert "run the same command again to go on" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_workers_end_when_whoever_started_them_is_killed(weights: Path, tmp_path: Path) -> None:
    data, parts = write_folder(tmp_path / "data", 400), tmp_path / "x.json.parts"
    killed = subprocess.Popen(command(weights, data, tmp_path / "x.json", "--workers", "2"))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(list(parts.glob("*.json"))) < 5:
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    time.sleep(5)
    done = len(list(parts.glob("*.json")))
    assert done < 400
    time.sleep(2)
    assert len(list(parts.glob("*.json"))) == done


@pytest.mark.slow
def test_a_ray_cluster_finds_the_same(weights: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 6)
    assert subprocess.run(command(weights, data, tmp_path / "a.json"), check=False).returncode == 0
    on_ray = command(weights, data, tmp_path / "b.json", "--engine", "ray", "--workers", "2")
    assert subprocess.run(on_ray, check=False).returncode == 0
    assert rows(tmp_path / "a.json") == rows(tmp_path / "b.json")
