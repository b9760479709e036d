"""Checkpoints of more than one family: a row in a table is all that a new one needs."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from anymask.errors import CorruptFileError, LayoutError
from anymask.models.vit import ViTConfig
from anymask.weights import model_families
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from anymask.weights.model_families import ModelFamily, sam_from_json, sam_to_json
from tests.conftest import TINY


@dataclass(frozen=True)
class LineConfig:
    """Of a model that is a line."""

    inputs: int = 3


class Line(nn.Module):
    """A family that is not SAM's."""

    def __init__(self, config: LineConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        return out


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """A checkpoint of a family that is known for the length of a test."""
    row = ModelFamily(LineConfig, Line, dataclasses.asdict, lambda plain: LineConfig(**plain))  # type: ignore[arg-type, return-value]
    monkeypatch.setitem(model_families.FAMILIES, "line", row)
    config: Any = LineConfig(inputs=5)
    return Checkpoint("line", config, Line(config).state_dict())


def test_another_family_is_written_read_and_built(tmp_path: Path, line: Checkpoint) -> None:
    line.save(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["family"] == "line"
    read = read_checkpoint(tmp_path)
    model: Any = read.build()
    assert isinstance(model, Line)
    assert read.config == line.config
    assert torch.equal(model.linear.weight, line.state["linear.weight"])
    assert not model.training


def test_sams_header_names_no_family_and_no_sides(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    """As it was written when there was one family, and square images alone."""
    tiny_checkpoint.save(tmp_path)
    header = json.loads((tmp_path / "config.json").read_text())
    assert list(header) == ["anymask", "name", "config", "everything", "made_by"]
    assert list(header["config"]["encoder"]) == [
        "kind", "width", "depth", "heads", "global_blocks", "image_px", "patch_px", "window",
        "mlp_ratio", "out_channels",
    ]  # fmt: skip
    assert read_checkpoint(tmp_path).config == TINY


def test_sides_of_an_oblong_image_are_kept() -> None:
    oblong = dataclasses.replace(TINY, encoder=ViTConfig(image_px=896, image_hw=(896, 448)))
    assert sam_from_json(json.loads(json.dumps(sam_to_json(oblong)))) == oblong


def test_an_unknown_family_is_named(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    tiny_checkpoint.save(tmp_path)
    header = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(header | {"family": "dreams"}))
    with pytest.raises(LayoutError, match="the family 'dreams', which this anymask does not know"):
        read_checkpoint(tmp_path)


def test_sides_that_contradict_each_other_are_damage(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    tiny_checkpoint.save(tmp_path)
    header = json.loads((tmp_path / "config.json").read_text())
    header["config"]["encoder"]["image_hw"] = [96, 64]
    (tmp_path / "config.json").write_text(json.dumps(header))
    with pytest.raises(CorruptFileError, match="image_px is 128"):
        read_checkpoint(tmp_path)
