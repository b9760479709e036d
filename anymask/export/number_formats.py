"""Smaller graphs: weights kept in half precision, or products computed in 8-bit integers.

float16 is a format to *keep* weights in: onnxruntime has next to no half-precision arithmetic on
processors, so each weight is widened when the graph is loaded and computes as float32 (docs/adr).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Smaller tensors stay float32: together they are small, and some are touchy, such as the
# frequencies of the position encoding.
SMALLEST = 1024
# Products by smaller weights stay in float: those of the decoder's cross-attentions, whose errors
# the softmax multiplies (masks of a click fall to an IoU of 0.5), and that of the frequencies.
SMALLEST_PRODUCT = 40_000


def in_half_precision(model: onnx.ModelProto) -> None:
    """Keep every large float32 weight as float16, with a Cast to float32 before its use."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or math.prod(tensor.dims) < SMALLEST:
            continue
        name, kept = tensor.name, f"{tensor.name}.float16"
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, kept))
        casts.append(helper.make_node("Cast", [kept], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def in_eight_bits(path: Path) -> None:
    """Rewrite a graph: large products by weights in dynamic int8, other weights in half precision.

    Each channel of a weight has its own scale; activations get theirs when the graph runs.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic  # slow to import

    model = onnx.load(path)
    _with_own_weights(model.graph)
    large = _large_products(model.graph)
    if large:  # the quantiser takes an empty list for all
        onnx.save(model, path)
        quantize_dynamic(
            path,
            path,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=large,
            extra_options={"MatMulConstBOnly": True},
        )
        model = onnx.load(path)
    in_half_precision(model)
    onnx.save(model, path)


def _large_products(graph: onnx.GraphProto) -> list[str]:
    """The names of the products by a large enough weight."""
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type == "MatMul" and sizes.get(node.input[1], 0) >= SMALLEST_PRODUCT
    ]


def _with_own_weights(graph: onnx.GraphProto) -> None:
    """Turn each Gemm by a transposed weight into a product by a copy of its own, and a sum.

    The quantiser does the same, but transposes the weight in place, which ruins it for whatever
    else reads it: the decoder uses its projections in more than one way.
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        flags = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type != "Gemm" or node.input[1] not in weights or not flags["transB"].i:
            nodes.append(node)
            continue
        turned, product = f"{node.input[1]}.{node.name}", f"{node.output[0]}.product"
        array = numpy_helper.to_array(weights[node.input[1]]).T
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), turned))
        nodes += [
            helper.make_node("MatMul", [node.input[0], turned], [product], f"{node.name}.product"),
            helper.make_node("Add", [product, node.input[2]], [node.output[0]], node.name),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(graph)


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = set(_inputs(graph))
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _inputs(graph: onnx.GraphProto) -> Iterator[str]:
    """The names that the nodes of a graph and of the branches inside it read."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _inputs(attribute.g)
    yield from (output.name for output in graph.output)
