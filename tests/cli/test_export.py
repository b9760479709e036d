"""``anymask export onnx`` as a person runs it: what it says while it works, and in the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.weights.checkpoint import Checkpoint


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    error = "" if result.exception is None else str(result.exception)
    return result.exit_code, result.stdout, result.stderr + error


@pytest.fixture
def asked(tiny_checkpoint: Checkpoint, tmp_path: Path) -> tuple[object, ...]:
    """To export a tiny model."""
    tiny_checkpoint.save(tmp_path / "tiny")
    return ("export", "onnx", "--weights", tmp_path / "tiny", "--out", tmp_path / "export")


@pytest.mark.slow
def test_an_export_says_what_it_does(asked: tuple[object, ...]) -> None:
    status, shown, said = run(*asked)
    assert status == 0
    stages = said.splitlines()
    for stage in ("reading", "exporting encoder.onnx", "writing float32", "comparing"):
        assert any(line.startswith(stage) for line in stages), stage
    assert "answers as PyTorch does in 41 cases: the worst mask has an IoU of " in shown


def test_how_near_an_export_is_stands_in_a_line(
    asked: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from anymask.export import onnx  # takes seconds to import
    from anymask.export.parity import Parity

    rows = [Parity("click", f"{i} points", 1e-5 * i, 1e-6, 1.0, 1 - i / 100, 0) for i in range(9)]

    def export(_checkpoint: Checkpoint, out: Path, *, on_step: Any, **_more: Any) -> onnx.Export:
        on_step("comparing with PyTorch")
        return onnx.Export(out, {"encoder.onnx": 1_000_000}, tuple(rows))

    monkeypatch.setattr(onnx, "export_onnx", export)
    status, shown, said = run(*asked)
    assert status == 0
    assert said.splitlines() == [
        "loading PyTorch and its exporter …", f"reading {asked[3]} …", "comparing with PyTorch …"
    ]  # fmt: skip
    assert shown.splitlines()[0] == (
        "answers as PyTorch does in 9 cases: the worst mask has an IoU of 0.9200 (click, 8 "
        "points), logits differ by at most 8.0e-05"
    )
    assert len(shown.splitlines()) == 2
    assert len(run(*asked, "--verbose")[1].splitlines()) > 9
    assert len(json.loads(run(*asked, "--json")[1])["parity"]) == 9


@pytest.mark.parametrize("place", ["file", "file/export"])
def test_an_output_that_cant_be_written_is_found_first(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    status, _, said = run("export", "onnx", "--weights", "nothing", "--out", tmp_path / place)
    assert (status, "file" in said, "loading" in said) == (1, True, False)
