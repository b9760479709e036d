"""``anymask weights``: listing, pulling, converting, and the top-level command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import anymask
from anymask.cli.main import app
from anymask.errors import OfflineError, OutputError, UnknownWeightsError
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import DEFAULT

runner = CliRunner()


def test_the_list_names_every_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path))
    listed = json.loads(runner.invoke(app, ["weights", "list", "--json"]).stdout)
    assert listed[0]["name"] == DEFAULT
    assert not any(row["here"] for row in listed)
    table = runner.invoke(app, ["weights", "list"]).stdout
    assert all(row["name"] in table for row in listed)


def test_pulling_offline_says_where_to_put_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path))
    result = runner.invoke(app, ["weights", "pull", "sam-vit-b", "--offline"])
    assert isinstance(result.exception, OfflineError)
    assert str(tmp_path) in str(result.exception)
    with pytest.raises(UnknownWeightsError, match="sam-vit-b"):
        runner.invoke(app, ["weights", "pull", "sam-vit-bb"], catch_exceptions=False)


def test_converting_there_and_back_keeps_every_number(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    tiny_checkpoint.save(tmp_path / "a")
    steps = [("official", "b.pth"), ("huggingface", "c"), ("anymask", "d"), ("official", "e.pth")]
    source = "a"
    for layout, target in steps:
        command = ["weights", "convert", str(tmp_path / source), "--to", layout]
        result = runner.invoke(app, [*command, "--out", str(tmp_path / target)])
        assert result.exit_code == 0, result.output
        stages = [f"reading {tmp_path / source} …", f"writing {tmp_path / target} …"]
        assert result.stderr.splitlines() == stages
        source = target
    read = load_checkpoint(tmp_path / "e.pth")
    assert read.config == tiny_checkpoint.config
    assert all(torch.equal(read.state[k], v) for k, v in tiny_checkpoint.state.items())


@pytest.mark.parametrize("layout", ["official", "huggingface", "anymask"])
def test_an_output_that_cant_be_written_is_found_before_the_weights_are(
    tmp_path: Path, layout: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file" / "x", tmp_path if layout == "official" else tmp_path / "file"):
        command = ["weights", "convert", "nothing", "--to", layout, "--out", str(out)]
        result = runner.invoke(app, command)
        assert isinstance(result.exception, OutputError), result.exception


def test_the_version_is_printed() -> None:
    assert runner.invoke(app, ["--version"]).stdout == f"anymask {anymask.__version__}\n"


def test_every_public_name_is_there() -> None:
    for name in anymask.__all__:
        assert getattr(anymask, name) is not None
    assert set(anymask.__all__) <= set(dir(anymask))
    with pytest.raises(AttributeError, match="nothing"):
        anymask.nothing  # noqa: B018
