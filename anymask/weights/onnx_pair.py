"""ONNX pair: MobileSAM's weights, read out of ``encoder.onnx`` and ``sam.onnx``.

An exporter keeps the names of some parameters and loses others. What it lost is found by the node
that reads it: a node is named after the module it came from, and a linear layer's weight feeds the
``MatMul`` whose result gets the layer's named bias. Batch norms were folded into convolutions; they
come back as batch norms that only add a bias, so that one model fits this and MobileSAM's own file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anymask.errors import CorruptFileError, MissingExtraError

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[np.float32]

BATCH_NORM_EPS = 1e-5
NORM_2D_OPS = {"Mul": "weight", "Add": "bias"}  # the affine part of a channel norm


def read_onnx_pair(encoder: Path, decoder: Path) -> dict[str, Tensor]:
    """The state dict, under MobileSAM's own names, of the two files.

    Raises ``CorruptFileError`` for a file that is no ONNX graph.
    """
    arrays = _with_batch_norms(parameters(read_graph(encoder)))
    state = {f"image_encoder.{name}": array for name, array in arrays}
    for name, array in parameters(read_graph(decoder)):
        state[_decoder_name(name)] = array
    tokens = state.pop("mask_decoder.tokens")[0]  # IoU token first, then the mask tokens
    state["mask_decoder.iou_token.weight"] = tokens[:1]
    state["mask_decoder.mask_tokens.weight"] = tokens[1:]
    no_mask = state["prompt_encoder.no_mask_embed.weight"]
    state["prompt_encoder.no_mask_embed.weight"] = no_mask.reshape(1, -1)
    # Rows first, at torch's own alignment: products with views of the file's bytes are slower.
    return {name: torch.tensor(np.array(array, order="C")) for name, array in state.items()}


def read_graph(path: Path) -> onnx.GraphProto:
    """The graph of a file. Raises ``CorruptFileError`` and ``MissingExtraError``."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise MissingExtraError("onnx", "torch") from None
    try:
        # No external data: a graph from elsewhere must not make us read other files.
        graph = onnx.load(str(path), load_external_data=False).graph
    except (DecodeError, ValueError) as error:
        raise CorruptFileError(f"{path} is no complete ONNX file: {error}") from None
    if not graph.node:
        raise CorruptFileError(f"{path} is no complete ONNX file: it has no graph")
    return graph


def parameters(graph: onnx.GraphProto) -> Iterator[tuple[str, Array]]:
    """All parameters of a graph, each named after its module and ``weight`` or ``bias``."""
    values = _values(graph)
    producers = {output: node for node in graph.node for output in node.output}
    yield from ((name, array) for name, array in values.items() if _is_parameter(name))
    for node in graph.node:
        inputs = [name for name in node.input if name in values]
        if not inputs:
            continue
        module, array = _module(node.name), values[inputs[0]]
        anonymous = inputs[0].startswith("onnx::")
        if node.op_type == "Conv" and anonymous:
            yield f"{module}.weight", array
            yield f"{module}.bias", values[inputs[1]]
        elif node.op_type == "Add" and inputs[0].endswith(".bias"):
            yield from _linear_weight(inputs[0], node, producers, values)
        elif node.op_type == "Add" and module.endswith(".attn") and array.ndim == 3:
            yield f"{module}.attention_biases", array[:, 0]  # row 0 holds each offset once
        elif node.op_type == "Expand" and anonymous and array.ndim == 3:
            yield "mask_decoder.tokens", array
        elif anonymous and array.ndim == 3 and node.op_type in NORM_2D_OPS:
            yield f"{module}.{NORM_2D_OPS[node.op_type]}", array.reshape(-1)
        elif anonymous and array.ndim == 4 and node.op_type == "Mul":
            yield "prompt_encoder.no_mask_embed.weight", array


def _values(graph: onnx.GraphProto) -> dict[str, Array]:
    """Initialisers and constants by the name of the value they give."""
    from onnx import numpy_helper

    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            array = numpy_helper.to_array(node.attribute[0].t)
            if array.ndim:
                values[node.output[0]] = array
    return values


def _linear_weight(
    bias: str, add: onnx.NodeProto, producers: dict[str, onnx.NodeProto], values: dict[str, Array]
) -> Iterator[tuple[str, Array]]:
    """The weight of the linear layer that ``bias`` belongs to, if it is a linear layer's."""
    product = next((producers[name] for name in add.input if name in producers), None)
    if product is not None and product.op_type == "MatMul" and product.input[1] in values:
        yield bias.removesuffix("bias") + "weight", values[product.input[1]].T


def _is_parameter(name: str) -> bool:
    return not name.startswith(("onnx::", "/"))


def _module(node: str) -> str:
    """``/patch_embed/seq/seq.0/c/Conv`` is an operation of ``patch_embed.seq.0.c``."""
    parts = node.strip("/").split("/")[:-1]
    kept = [
        part
        for part, following in zip(parts, [*parts[1:], ""])
        if not following.startswith(f"{part}.")
    ]
    return ".".join(kept)


def _decoder_name(name: str) -> str:
    """MobileSAM's name of a parameter in the decoder's graph."""
    name = name.removeprefix("model.")
    if name.startswith("mask_downscaling"):
        return f"prompt_encoder.{name}"
    if name.startswith("output_upscaling"):
        return f"mask_decoder.{name}"
    return name


def _with_batch_norms(tensors: Iterator[tuple[str, Array]]) -> Iterator[tuple[str, Array]]:
    """Undo the folding: next to each ``c`` a ``bn`` that scales by one and adds the bias."""
    for name, array in tensors:
        if not name.endswith(".c.bias"):
            yield name, array
            continue
        norm, variance = name.removesuffix("c.bias") + "bn", np.ones_like(array)
        yield f"{norm}.weight", np.sqrt(variance + np.float32(BATCH_NORM_EPS))
        yield f"{norm}.bias", array
        yield f"{norm}.running_mean", np.zeros_like(array)
        yield f"{norm}.running_var", variance
        yield f"{norm}.num_batches_tracked", np.array(0)
