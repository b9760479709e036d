"""DINOv2's features in PyTorch against the graph that they were read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.errors import OfflineError
from anymask.weights.dinov2 import load_dinov2
from anymask.weights.fetch import fetch
from anymask.weights.registry import find

TENTH_BLOCK = "/backbone/encoder/layer.9/Add_1_output_0"


@pytest.mark.slow
@pytest.mark.parametrize("hw", [(224, 224), (140, 308)])
def test_the_same_as_onnxruntime(hw: tuple[int, int], tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    try:
        path = fetch(find("dinov2-small").files[0], offline=True)
    except OfflineError:
        pytest.skip("the weights are not here: anymask weights pull dinov2-small")
    graph = onnx.load(path)
    for number in (0, 2, 3):
        graph.graph.input[0].type.tensor_type.shape.dim[number].dim_param = f"free_{number}"
    names = [output for node in graph.graph.node for output in node.output]
    wanted = onnx.helper.make_tensor_value_info(TENTH_BLOCK, onnx.TensorProto.FLOAT, None)
    assert TENTH_BLOCK in names
    graph.graph.output.append(wanted)
    onnx.save(graph, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).normal(size=(1, 3, *hw)).astype(np.float32)
    theirs = session.run([TENTH_BLOCK], {"input_image": image})[0]
    with torch.inference_mode():
        ours = load_dinov2(path)(torch.from_numpy(image))[0]
    ours = ours.flatten(2).transpose(1, 2).numpy()
    assert np.abs(ours - theirs[:, 1:]).max() < 1e-3
