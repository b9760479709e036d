"""DINOv2 out of an ONNX file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anymask.errors import CorruptFileError, LayoutError
from anymask.models.dinov2 import DinoV2, DinoV2Config
from anymask.weights.dinov2 import load_dinov2

TINY = DinoV2Config(width=128, depth=2, features_of=(0, 1), heads=2, grid=4)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(CorruptFileError, match="no complete ONNX file"):
        load_dinov2(path)


def test_another_graph(tmp_path: Path) -> None:
    import onnx
    from onnx import helper

    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [out])
    path = tmp_path / "a.onnx"
    onnx.save(helper.make_model(graph), path)
    with pytest.raises(LayoutError, match="holds no DINOv2 of 11 blocks"):
        load_dinov2(path)


def test_features_have_the_grid_of_the_picture() -> None:
    torch.manual_seed(0)
    model = DinoV2(TINY).eval()
    torch.nn.init.normal_(model.positions)
    with torch.inference_mode():
        assert [each.shape for each in model(torch.zeros(2, 3, 56, 56))] == [(2, 128, 4, 4)] * 2
        assert [each.shape for each in model(torch.zeros(1, 3, 28, 70))] == [(1, 128, 2, 5)] * 2


def test_positions_are_stretched_to_the_grid() -> None:
    """Where they rise evenly from column to column they still do so."""
    model = DinoV2(TINY)
    columns = torch.arange(4.0).repeat(4)
    with torch.no_grad():
        model.positions[0, 1:, 0] = columns
        stretched = model._positions_on(4, 8)[0, 1:, 0].view(4, 8)
    assert torch.allclose(stretched[0], stretched[3])
    assert (stretched[0].diff() > 0).all()
    assert stretched.mean().item() == pytest.approx(1.5, abs=1e-5)
