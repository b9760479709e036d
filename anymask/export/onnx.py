"""``anymask export onnx``: a checkpoint as ONNX graphs in a folder, proved before it is one.

Shape legend: P prompts, N points, C channels, h w embedding grid, S side of the model's input.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from anymask.core.atomic import make_folder, writing
from anymask.core.image import RGB
from anymask.errors import Error, ExportError, MissingExtraError
from anymask.export.click import ANSWERS
from anymask.export.decoder_tensors import can_be_decoded, write_decoder_tensors
from anymask.export.encoder_tensors import can_be_multiplied, write_encoder_tensors
from anymask.export.kernel_segmenter import KernelSegmenter
from anymask.export.parity import TOLERANCES, Parity, check, measure, measure_upsampled
from anymask.export.traceable import Graph, graphs_of
from anymask.models.sam import Sam
from anymask.models.tiny_vit import TinyViT
from anymask.predict.onnx_runtime import OnnxSegmenter
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.fetch import sha256_of
from anymask.weights.graph_pair import (
    CLICK_FILE,
    DECODER_FILE,
    DECODER_TENSORS_FILE,
    ENCODER_FILE,
    ENCODER_TENSORS_FILE,
    EXPORT_FILE,
    LOW_RES_FILE,
    MASK_FILE,
    PREPARE_FILE,
    pair_of_export,
)

try:
    import onnx
    import onnx_ir as ir
    import onnxscript  # noqa: F401 (torch's exporter imports it only when it runs)
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    from anymask.export.header import export_header, label
    from anymask.export.number_formats import in_eight_bits, in_half_precision
    from anymask.export.rewrites import bare, keep_norms_apart, name_axes, simplify_gelus
except ImportError as missing:
    raise MissingExtraError(missing.name or "onnxscript", "export") from None

OPSET = 20  # the first that has GELU as one operator
LARGEST_BYTES = 2**31 - 1  # of a protocol buffer
Step = Callable[[str], None]
Writer = Callable[[Path, str], None]


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
    official: bool = True,
    photo: RGB | None = None,
    on_step: Step | None = None,
) -> Export:
    """Write a checkpoint as ONNX graphs (``docs/formats.md``).

    dtype: ``float32``; ``float16``: weights of half the size, float32 arithmetic; ``int8``:
        products in dynamic 8-bit integers.
    single_mask: decoders of the official layout that give one mask a prompt, as the official
        ``--return-single-mask``.
    official: those decoders, too, which no program of ours runs and which take half of the time.
    photo: (H, W, 3) RGB to compare on, instead of a drawn scene.
    on_step: told what is going on.

    Nothing gets its name before it has answered like PyTorch. Raises ``ExportError`` if it does
    not, or holds a layer that ONNX can't express, and ``OutputError``.
    """
    _check_dtype(dtype)
    make_folder(folder)
    traced = trace(checkpoint, single_mask=single_mask, official=official, on_step=on_step)
    return traced.write(folder, dtype=dtype, photo=photo, on_step=on_step)


def trace(
    checkpoint: Checkpoint,
    *,
    single_mask: bool = False,
    official: bool = True,
    on_step: Step | None = None,
) -> Traced:
    """Turn a checkpoint into graphs, which takes most of the time, to be written in several dtypes.

    Raises ``ExportError`` for a layer that ONNX can't express.
    """
    tell = on_step or _ignore
    sam = _prepared(checkpoint)
    graphs = {}
    for name, graph in graphs_of(sam, single_mask).items():
        if official or name != DECODER_FILE:
            tell(f"exporting {name}")
            graphs[name] = _exported(graph)
    if official:
        graphs[LOW_RES_FILE] = _cut(graphs[DECODER_FILE], ANSWERS)
    return Traced(checkpoint, single_mask, graphs)


@dataclass(frozen=True)
class Traced:
    """The graphs of a checkpoint by the file they go to, in float32."""

    checkpoint: Checkpoint
    single_mask: bool
    graphs: Mapping[str, ir.Model]

    def write(
        self,
        folder: Path,
        *,
        dtype: str = "float32",
        photo: RGB | None = None,
        on_step: Step | None = None,
    ) -> Export:
        """Write them, compare them with PyTorch, and only then give them their names."""
        _check_dtype(dtype)
        tell = on_step or _ignore
        make_folder(folder)
        header = export_header(self.checkpoint, dtype, self.single_mask, OPSET)
        tensors = _multiplied(_prepared(self.checkpoint))
        written = [*self.graphs, *tensors]
        with ExitStack() as stack:
            parts = {  # the last to be opened is the first to be renamed: the header comes last
                name: stack.enter_context(writing(folder / name))
                for name in (EXPORT_FILE, *written)
            }
            tell(f"writing {dtype}")
            for name, graph in self.graphs.items():
                _write(graph, parts[name], dtype)
            for name, write in tensors.items():
                write(parts[name], dtype)
            tell("comparing with PyTorch")
            parity = _proved(self.checkpoint, header, parts, photo)
            header["parity"] = [row.to_json() for row in parity]
            for name in self.graphs:
                label(parts[name], header | {"graph": name})
            for name in written:
                size = parts[name].stat().st_size
                header["files"][name] = {"sha256": sha256_of(parts[name]), "bytes": size}
            parts[EXPORT_FILE].write_text(json.dumps(header, indent=2) + "\n")
        sizes = {name: header["files"][name]["bytes"] for name in written}
        return Export(folder, sizes, tuple(parity))


def _check_dtype(dtype: str) -> None:
    if dtype not in TOLERANCES:
        raise Error(f"there is no dtype {dtype!r} to export: take one of {', '.join(TOLERANCES)}")


def _ignore(_what: str) -> None:
    """The steps of a caller who does not want to hear of them."""


def _prepared(checkpoint: Checkpoint) -> Sam:
    """The plain model: no path that is fast on one kind of machine only."""
    sam = checkpoint.build_sam().requires_grad_(False)
    if isinstance(sam.image_encoder, TinyViT):
        sam.image_encoder.fold_batch_norms()
    return sam


def _multiplied(sam: Sam) -> dict[str, Writer]:
    """What writes the weights that browsers have kernels of ours for, by the file they go to."""
    writers: dict[str, Writer] = {}
    encoder = sam.image_encoder
    if isinstance(encoder, TinyViT) and can_be_multiplied(encoder.config):
        writers[ENCODER_TENSORS_FILE] = partial(write_encoder_tensors, encoder)
    if can_be_decoded(sam.config):
        writers[DECODER_TENSORS_FILE] = partial(write_decoder_tensors, sam)
    return writers


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


def _cut(graph: ir.Model, outputs: Sequence[str]) -> ir.Model:
    """A graph with some of its outputs, without what only the others need."""
    smaller = graph.clone()
    smaller.graph.outputs[:] = [one for one in smaller.graph.outputs if one.name in outputs]
    RemoveUnusedNodesPass()(smaller)
    kept = set(smaller.graph.outputs)
    smaller.graph.inputs[:] = [one for one in smaller.graph.inputs if one.uses() or one in kept]
    return smaller


def _write(graph: ir.Model, path: Path, dtype: str) -> None:
    """Write a graph with weights in the numbers of ``dtype``."""
    model = ir.to_proto(graph)
    bare(model)
    name_axes(model.graph)
    keep_norms_apart(model.graph)
    if dtype != "float32":
        simplify_gelus(model.graph)
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


def _proved(
    checkpoint: Checkpoint, header: dict[str, Any], parts: Mapping[str, Path], photo: RGB | None
) -> list[Parity]:
    """How near the graphs are to PyTorch. Raises ``ExportError`` if that is not near enough."""
    reference = Predictor(checkpoint)
    folder = parts[EXPORT_FILE].parent
    pair = replace(
        pair_of_export(header, folder),
        encoder=parts[ENCODER_FILE],
        prepare=parts[PREPARE_FILE],
        mask=parts[MASK_FILE],
        decoder=parts[CLICK_FILE],
    )
    single_mask = header["single_mask"]
    low_res, full = (
        OnnxSegmenter(replace(pair, prepare=None, decoder=parts[name], single_mask=single_mask))
        if name in parts
        else None
        for name in (LOW_RES_FILE, DECODER_FILE)
    )
    kernels = None
    if DECODER_TENSORS_FILE in parts:
        kernels = KernelSegmenter(pair, parts[DECODER_TENSORS_FILE])
    rows = measure(reference, OnnxSegmenter(pair), low_res, photo, kernels)
    if full is not None:
        rows += measure_upsampled(reference, full, photo)
    check(rows, TOLERANCES[header["dtype"]], f"the {header['dtype']} export of {checkpoint.name}")
    return rows


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
