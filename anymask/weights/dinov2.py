"""DINOv2's weights, read out of the graph of a salient-object detector that was made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from anymask.errors import LayoutError
from anymask.models.dinov2 import DinoV2, DinoV2Config
from anymask.weights.onnx_pair import parameters, read_graph

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[np.float32]
Arrays = Mapping[str, Array]

FEATURES_OF = (9, 10)  # blocks, of 12: the last is bent to saliency
EMBEDDINGS, BLOCK = "backbone.embeddings.", r"backbone\.encoder\.layer\.(\d+)\.(.+)"
# Nodes that read the learned positions: those of the class token, and of the patches.
POSITION_READERS = ("/backbone/embeddings/Concat_6", "/backbone/embeddings/Reshape_1")
NAMES = {
    "norm1": "norm1",
    "attention.output.dense": "attn.proj",
    "norm2": "norm2",
    "mlp.fc1": "mlp.lin1",
    "mlp.fc2": "mlp.lin2",
}
SCALES = {"layer_scale1.lambda1": "scale1", "layer_scale2.lambda1": "scale2"}


def load_dinov2(path: Path, features_of: tuple[int, ...] = FEATURES_OF) -> DinoV2:
    """The encoder in an ONNX file, in evaluation mode and without gradients.

    features_of: blocks whose features are wanted, counted from 0; those after them are left out.

    Raises ``CorruptFileError`` for a file that is no ONNX graph, and ``LayoutError`` for another's.
    """
    graph, blocks = read_graph(path), 1 + max(features_of)
    arrays = dict(parameters(graph))
    try:
        state = _state(arrays, graph, blocks)
        config = _config(state, features_of)
        model = DinoV2(config)
        model.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        gist = str(error).strip().splitlines()[0][:200]
        raise LayoutError(f"{path} holds no DINOv2 of {blocks} blocks: {gist}") from None
    return model.eval().requires_grad_(False)


def _config(state: Arrays, features_of: tuple[int, ...]) -> DinoV2Config:
    width, _, patch_px, _ = state["patch_embed.proj.weight"].shape
    grid = round((state["positions"].shape[1] - 1) ** 0.5)
    return DinoV2Config(
        width=width,
        depth=1 + max(features_of),
        features_of=features_of,
        heads=width // 64,
        patch_px=patch_px,
        grid=grid,
    )


def _state(arrays: Arrays, graph: onnx.GraphProto, blocks: int) -> dict[str, Array]:
    """The arrays of the model's parameters under our names."""
    state = {
        f"patch_embed.proj.{kind}": arrays[f"{EMBEDDINGS}patch_embeddings.projection.{kind}"]
        for kind in ("weight", "bias")
    }
    state["class_token"] = arrays[f"{EMBEDDINGS}cls_token"]
    values = {tensor.name: tensor for tensor in graph.initializer}
    read = {
        node.name: values[node.input[0]] for node in graph.node if node.name in POSITION_READERS
    }
    state["positions"] = np.concatenate([_array(read[name]) for name in POSITION_READERS], axis=1)
    for name, array in arrays.items():
        match = re.fullmatch(BLOCK, name)
        if match and int(match[1]) < blocks:
            ours = _name(match[2])
            if ours:
                state[f"blocks.{match[1]}.{ours}"] = array
    for number in range(blocks):
        for kind in ("weight", "bias"):
            layers = f"backbone.encoder.layer.{number}.attention.attention"
            parts = [arrays[f"{layers}.{part}.{kind}"] for part in ("query", "key", "value")]
            state[f"blocks.{number}.attn.qkv.{kind}"] = np.concatenate(parts)
    return state


def _name(theirs: str) -> str:
    """Our name of a block's parameter; "" of those that are joined."""
    if theirs in SCALES:
        return SCALES[theirs]
    layer, _, kind = theirs.rpartition(".")
    return f"{NAMES[layer]}.{kind}" if layer in NAMES else ""


def _array(tensor: onnx.TensorProto) -> Array:
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor), np.float32)
