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


def test_an_export_says_what_it_does_and_how_near_it_is(
    tiny_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anymask.export import onnx  # takes seconds to import

    tiny_checkpoint.save(tmp_path / "tiny")
    kept: list[onnx.Export] = []

    def once(*about: Any, plain: Any = onnx.export_onnx, **more: Any) -> onnx.Export:
        kept.extend([] if kept else [plain(*about, **more)])
        return kept[0]

    monkeypatch.setattr(onnx, "export_onnx", once)
    out = tmp_path / "export"
    asked = ("export", "onnx", "--weights", tmp_path / "tiny", "--out", out)
    status, shown, said = run(*asked)
    assert status == 0
    stages = said.splitlines()
    assert stages[0] == "loading PyTorch and its exporter …"
    for stage in ("reading", "exporting encoder.onnx", "writing float32", "comparing"):
        assert any(line.startswith(stage) for line in stages), stage
    assert "answers as PyTorch does in 41 cases: the worst mask has an IoU of 1.0000" in shown
    assert len(shown.splitlines()) == 1 + len(list(out.glob("*.onnx")))
    _, shown, _ = run(*asked, "--verbose")
    assert len(shown.splitlines()) > 41
    _, shown, _ = run(*asked, "--json")
    assert len(json.loads(shown)["parity"]) == 41


@pytest.mark.parametrize("place", ["file", "file/export"])
def test_an_output_that_cant_be_written_is_found_first(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    status, _, said = run("export", "onnx", "--weights", "nothing", "--out", tmp_path / place)
    assert (status, "file" in said, "loading" in said) == (1, True, False)
