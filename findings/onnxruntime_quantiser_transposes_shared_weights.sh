#!/usr/bin/env bash
# A graph that reads one weight in two ways comes out of onnxruntime's quantiser wrong, silently.
#
# A Gemm with transB=1 and a MatMul may share an initializer: a linear layer, and a product that
# reads its rows directly, as SAM's mask decoder does with its projections. quantize_dynamic first
# rewrites the Gemm as MatMul + Add and, to drop transB, transposes the initializer *in place*. The
# other reader now multiplies by the transposed weight. Where the weight is square, all shapes still
# fit: the file is written, checked and loaded without a word, and the answer is another one.
# Expected: what quantisation costs, about one per cent. Seen: an error as large as the answer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

SIDE = 64
rng = np.random.default_rng(0)
weight = rng.standard_normal((SIDE, SIDE)).astype(np.float32)
x = rng.standard_normal((8, SIDE)).astype(np.float32)


def write(path: str, second_weight: str) -> None:
    """y = x·Wᵀ by a Gemm, z = x·W by a MatMul; W is one initializer, or two alike."""
    tensor = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [8, SIDE])
    weights = [numpy_helper.from_array(weight, name) for name in {"w", second_weight}]
    weights.append(numpy_helper.from_array(np.zeros(SIDE, np.float32), "bias"))
    nodes = [
        helper.make_node("Gemm", ["x", "w", "bias"], ["y"], "gemm", transB=1),
        helper.make_node("MatMul", ["x", second_weight], ["z"], "matmul"),
    ]
    graph = helper.make_graph(nodes, "g", [tensor("x")], [tensor("y"), tensor("z")], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def error_of(second_weight: str) -> float:
    """The relative error of z after quantisation."""
    write("plain.onnx", second_weight)
    quantize_dynamic("plain.onnx", "small.onnx", op_types_to_quantize=["MatMul"],
                     weight_type=QuantType.QInt8, per_channel=True)
    onnx.checker.check_model("small.onnx")
    session = onnxruntime.InferenceSession("small.onnx", providers=["CPUExecutionProvider"])
    (z,) = session.run(["z"], {"x": x})
    expected = x @ weight
    return float(np.linalg.norm(z - expected) / np.linalg.norm(expected))


logging.disable(logging.WARNING)  # it advises preprocessing, which changes nothing here
shared, apart = error_of("w"), error_of("w2")
print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}")
print(f"relative error of the second reader: weight shared {shared:.3f}, weight of its own {apart:.3f}")
if shared > 0.5 and apart < 0.05:
    print("as found: the quantiser has transposed the weight under its second reader")
else:
    sys.exit("this has changed: look again")
PYTHON
