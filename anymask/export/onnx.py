"""``anymask export onnx``: a checkpoint as ONNX graphs in a folder, proved before it is one.

Shape legend: P prompts, N points, C channels, h w embedding grid, S side of the model's input.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from anymask.core.image import RGB
from anymask.core.output import make_folder, writing
from anymask.errors import Error, ExportError, MissingExtraError
from anymask.export.graphs import DecoderGraph, EncoderGraph
from anymask.export.parity import TOLERANCES, Parity, check, measure, measure_upsampled
from anymask.models.sam import Sam
from anymask.models.tiny_vit import TinyViT
from anymask.predict.onnx_runtime import OnnxSegmenter
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.fetch import sha256_of
from anymask.weights.graph_pair import (
    DECODER_FILE,
    ENCODER_FILE,
    EXPORT_FILE,
    FORMAT,
    LOW_RES_FILE,
    pair_of_export,
)

try:
    import onnx
    import onnx_ir as ir
    import onnxscript  # noqa: F401 (torch's exporter imports it only when it runs)
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    from anymask.export.number_formats import in_eight_bits, in_half_precision
except ImportError as missing:
    raise MissingExtraError(missing.name or "onnxscript", "export") from None

GRAPHS = (ENCODER_FILE, DECODER_FILE, LOW_RES_FILE)
OPSET = 20  # the first that has GELU as one operator
LARGEST_BYTES = 2**31 - 1  # of a protocol buffer
PACKAGES = ("anymask", "torch", "onnx", "onnxscript", "onnxruntime")
PROMPT_INPUTS = (
    "image_embeddings",
    "point_coords",
    "point_labels",
    "mask_input",
    "has_mask_input",
    "orig_im_size",
)
ANY = torch.export.Dim.DYNAMIC
Step = Callable[[str], None]


@dataclass(frozen=True)
class Export:
    """What was written: the folder, its files with their bytes, and how near to PyTorch it is."""

    folder: Path
    files: Mapping[str, int]
    parity: tuple[Parity, ...]


def export_onnx(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    dtype: str = "float32",
    single_mask: bool = False,
    photo: RGB | None = None,
    on_step: Step | None = None,
) -> Export:
    """Write a checkpoint as ``encoder.onnx``, ``decoder.onnx``, ``decoder_low_res.onnx``.

    dtype: ``float32``; ``float16``: weights of half the size, the same arithmetic; ``int8``:
        products in dynamic 8-bit integers.
    single_mask: decoders that give one mask a prompt, as the official ``--return-single-mask``.
    photo: (H, W, 3) RGB to compare on, instead of a drawn scene.
    on_step: told what is going on.

    Nothing gets its name before it has answered like PyTorch. Raises ``ExportError`` if it does
    not, or holds a layer that ONNX can't express, and ``OutputError``.
    """
    if dtype not in TOLERANCES:
        raise Error(f"there is no dtype {dtype!r} to export: take one of {', '.join(TOLERANCES)}")
    tell = on_step or (lambda what: None)
    make_folder(folder)
    sam, header = _prepared(checkpoint), _header(checkpoint, dtype, single_mask)
    encoder, decoder = _graphs(sam, single_mask)
    with ExitStack() as stack:
        parts = {  # the last to be opened is the first to be renamed: the header comes last
            name: stack.enter_context(writing(folder / name)) for name in (EXPORT_FILE, *GRAPHS)
        }
        tell("exporting the encoder")
        _write(_exported(encoder), parts[ENCODER_FILE], dtype)
        tell("exporting the decoder")
        upsampling = _exported(decoder)
        _write(upsampling, parts[DECODER_FILE], dtype)
        _write(_low_res(upsampling), parts[LOW_RES_FILE], dtype)
        tell("comparing with PyTorch")
        parity = _proved(checkpoint, header, parts, photo)
        header["parity"] = [row.to_json() for row in parity]
        for name in GRAPHS:
            _label(parts[name], header | {"graph": name})
            size = parts[name].stat().st_size
            header["files"][name] = {"sha256": sha256_of(parts[name]), "bytes": size}
        parts[EXPORT_FILE].write_text(json.dumps(header, indent=2) + "\n")
    sizes = {name: header["files"][name]["bytes"] for name in GRAPHS}
    return Export(folder, sizes, tuple(parity))


@dataclass(frozen=True)
class Graph:
    """A module to export: what goes in as an example, which axes vary, what things are called."""

    module: nn.Module
    example: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    varying: tuple[dict[int, Any] | None, ...]


def _graphs(sam: Sam, single_mask: bool) -> tuple[Graph, Graph]:
    """The encoder, and the decoder that upsamples."""
    side, grid = sam.config.encoder.image_px, sam.config.encoder.grid
    # Numbers of prompts and points that differ from each other and from 1 stay variables.
    example = (
        torch.zeros(1, sam.config.decoder.width, grid, grid),
        torch.rand(3, 5, 2) * side,
        torch.ones(3, 5),
        torch.zeros(3, 1, 4 * grid, 4 * grid),
        torch.ones(3),
        torch.tensor([side / 2, side / 1.0]),
    )
    varying = (None, {0: ANY, 1: ANY}, {0: ANY, 1: ANY}, {0: ANY}, {0: ANY}, None)
    decoder = Graph(
        DecoderGraph(sam, single_mask),
        example,
        PROMPT_INPUTS,
        ("masks", "iou_predictions", "low_res_masks"),
        varying,
    )
    image = torch.zeros(1, 3, side, side)
    encoder = Graph(EncoderGraph(sam), (image,), ("image",), ("image_embeddings",), (None,))
    return encoder, decoder


def _prepared(checkpoint: Checkpoint) -> Sam:
    """The plain model: no path that is fast on one kind of machine only."""
    sam = checkpoint.build().requires_grad_(False)
    if isinstance(sam.image_encoder, TinyViT):
        sam.image_encoder.fold_batch_norms()
    return sam


def _exported(graph: Graph) -> ir.Model:
    """The graph in ONNX, float32. Raises ``ExportError`` for a layer that it can't express."""
    try:
        with _quiet():
            program = torch.export.export(
                graph.module.eval(), graph.example, dynamic_shapes=graph.varying, strict=True
            )
            exported = torch.onnx.export(
                program,
                dynamo=True,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                opset_version=OPSET,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise ExportError(f"this model can't be expressed in ONNX: {_cause(error)}") from error
    assert exported is not None
    return exported.model


def _low_res(decoder: ir.Model) -> ir.Model:
    """The same decoder without the masks at full size, and without what only they need."""
    smaller = decoder.clone()
    smaller.graph.outputs[:] = smaller.graph.outputs[1:]
    RemoveUnusedNodesPass()(smaller)
    smaller.graph.inputs[:] = smaller.graph.inputs[:-1]
    return smaller


def _write(graph: ir.Model, path: Path, dtype: str) -> None:
    """Write a graph with weights in the numbers of ``dtype``."""
    model = ir.to_proto(graph)
    _bare(model)
    _name_axes(model.graph)
    _keep_norms_apart(model.graph)
    if dtype == "float16":
        in_half_precision(model)
    size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    if size > LARGEST_BYTES:
        raise ExportError(
            f"the graph's weights have {size / 1e9:.1f} GB, and an ONNX file holds "
            f"{LARGEST_BYTES / 1e9:.1f}; take --dtype float16"
        )
    onnx.save(model, path)
    if dtype == "int8":
        with _quiet():
            in_eight_bits(path)


def _name_axes(graph: onnx.GraphProto) -> None:
    """Call the axes that vary ``prompts`` and ``points``, not s13 and s0."""
    found = {
        axis.dim_param: name
        for given in graph.input
        if given.name == "point_coords"
        for axis, name in zip(given.type.tensor_type.shape.dim, ("prompts", "points"))
    }
    for value in (*graph.input, *graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param in found:  # to set it to nothing would erase an axis's number
                axis.dim_param = found[axis.dim_param]


def _bare(model: onnx.ModelProto) -> None:
    """Drop what only the exporter's authors read: a megabyte of stack traces, shapes in between."""
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""


def _keep_norms_apart(graph: onnx.GraphProto) -> None:
    """Turn ``norm(image + a @ b)`` into ``norm(image - a @ -b)`` in the decoder.

    onnxruntime would fuse the sum with the norm, into an operator that takes twice the time of both
    on a processor (2.3 ms of 18 a click, each); of a difference it keeps its hands off.
    """
    makers = {output: node for node in graph.node for output in node.output}
    for norm in [node for node in graph.node if node.op_type == "LayerNormalization"]:
        add = makers.get(norm.input[0])
        if "norm4" not in norm.input[1] or add is None or add.op_type != "Add":
            continue
        (product, image), *_ = [
            (makers[one], other)
            for one, other in (add.input, reversed(add.input))
            if one in makers and makers[one].op_type == "MatMul"
        ] or [(None, "")]
        if product is None:
            continue
        negative = f"{product.input[1]}.negative"
        neg = onnx.helper.make_node("Neg", [product.input[1]], [negative])
        graph.node.insert(list(graph.node).index(product), neg)
        product.input[1] = negative
        add.op_type, add.input[:] = "Sub", [image, product.output[0]]


def _proved(
    checkpoint: Checkpoint, header: dict[str, Any], parts: Mapping[str, Path], photo: RGB | None
) -> list[Parity]:
    """How near the graphs are to PyTorch. Raises ``ExportError`` if that is not near enough."""
    reference = Predictor(checkpoint)
    pair = replace(
        pair_of_export(header, parts[ENCODER_FILE].parent),
        encoder=parts[ENCODER_FILE],
        decoder=parts[LOW_RES_FILE],
    )
    exported = OnnxSegmenter(pair)
    upsampling = OnnxSegmenter(replace(pair, decoder=parts[DECODER_FILE]))
    rows = [
        *measure(reference, exported, photo),
        *measure_upsampled(reference, upsampling, photo),
    ]
    check(rows, TOLERANCES[header["dtype"]], f"the {header['dtype']} export of {checkpoint.name}")
    return rows


def _header(checkpoint: Checkpoint, dtype: str, single_mask: bool) -> dict[str, Any]:
    """What ``export.json`` says, and the metadata of each graph, but for parity and files."""
    encoder = checkpoint.config.encoder
    return {
        "anymask_export": FORMAT,
        "name": checkpoint.name,
        "model": checkpoint.model_id,
        "weights_sha256": checkpoint.sha256,
        "dtype": dtype,
        "single_mask": single_mask,
        "input_px": encoder.image_px,
        "embedding_shape": [checkpoint.config.decoder.width, encoder.grid, encoder.grid],
        "mask_side": 4 * encoder.grid,
        "resize": "longest_side",
        "pixel_mean": list(checkpoint.config.pixel_mean),
        "pixel_std": list(checkpoint.config.pixel_std),
        "opset": OPSET,
        "versions": {name: version(name) for name in PACKAGES},
        "files": {},
    }


def _label(path: Path, header: dict[str, Any]) -> None:
    """Put the metadata into a graph's file, for those who come across it without its folder."""
    model = onnx.load(path)
    entry = model.metadata_props.add()
    entry.key = "anymask"
    entry.value = json.dumps({key: value for key, value in header.items() if key != "files"})
    onnx.save(model, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter and the quantiser report at length on what is as it should be."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _cause(error: BaseException) -> str:
    """The first line of the innermost reason."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
