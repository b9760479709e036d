"""``anymask dataset stats``: numbers and pictures of several datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from anymask.cli.main import app
from anymask.errors import Error
from tests.datasets.checking.folders import record, whole, write

runner = CliRunner()


def stats(*arguments: object) -> Result:
    return runner.invoke(app, ["dataset", "stats", *map(str, arguments)])


def test_numbers_are_printed_and_written(tmp_path: Path) -> None:
    folder, out = whole(tmp_path / "a"), tmp_path / "new" / "stats.json"
    done = stats(folder, "--out", out, "--pictures", tmp_path / "pictures")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("a: 2 images, 6 masks, 3.0 an image (SA-1B records)\n")
    assert json.loads(out.read_text())["datasets"][0]["masks"] == 6
    assert len(list((tmp_path / "pictures").glob("*.svg"))) == 4
    printed = stats(folder, "--json")
    assert json.loads(printed.stdout) == json.loads(out.read_text())


def test_datasets_of_one_name_are_told_apart(tmp_path: Path) -> None:
    one, other = (whole(tmp_path / name / "images") for name in "ab")
    names = [d["name"] for d in json.loads(stats(one, other, "--json").stdout)["datasets"]]
    assert names == [str(one), str(other)]
    called = stats(one, other, "--name", "x", "--name", "y", "--json")
    assert [d["name"] for d in json.loads(called.stdout)["datasets"]] == ["x", "y"]
    assert stats(one, other, "--name", "x").exit_code == 2


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    content = record(2)
    content["annotations"][0]["segmentation"]["counts"] = "oo"
    write(whole(tmp_path / "a"), 2, content)
    write(tmp_path / "a", 3, "{}")
    done = stats(tmp_path / "a")
    assert "5 masks" in done.stdout
    assert "annotation 10" in done.stderr
    assert "sa_3.jpg" in done.stderr


def test_a_dataset_without_masks_is_an_error(tmp_path: Path) -> None:
    content = record(1)
    content["annotations"] = []
    write(tmp_path / "a", 1, content)
    done = stats(tmp_path / "a")
    assert isinstance(done.exception, Error)
    assert "no mask" in str(done.exception)


@pytest.mark.slow
def test_several_processes_count_the_same(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a", 60)
    alone, together = (stats(folder, "--json", "--processes", n) for n in (1, 2))
    assert json.loads(alone.stdout) == json.loads(together.stdout)
