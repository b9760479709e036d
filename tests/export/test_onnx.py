"""Exports answer as PyTorch does, say what they are, and are not written if they don't."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

import anymask
from anymask.core.prompts import Prompts
from anymask.errors import Error, ExportError, OutputError, PromptError
from anymask.export import onnx as export
from anymask.export import parity, traceable
from anymask.export.click import click_names, own_names
from anymask.export.onnx import export_onnx
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.predict.onnx_runtime import OnnxSegmenter
from anymask.predict.predictor import Predictor
from anymask.predict.promptable import Promptable
from anymask.weights.checkpoint import Checkpoint
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
    UNMASKED,
    find_graph_pair,
)
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import DEFAULT
from tests.conftest import TINY, random_model

Exporter = Callable[[str, str], Path]
Tracer = Callable[[str], export.Traced]
Reference = Callable[[str], Predictor]
DECODERS = (CLICK_FILE, LOW_RES_FILE, DECODER_FILE)
GRAPHS = (ENCODER_FILE, PREPARE_FILE, MASK_FILE, *DECODERS)
CASES = 54

MODELS = [
    "tiny",
    pytest.param(DEFAULT, marks=[pytest.mark.weights, pytest.mark.slow]),
]
DTYPES = ["float32", "float16", "int8"]
KINDS = ["1 point", "5 points", "box", "box + point", "mask", "64 prompts"]
# Logits in standard deviations, the median IoU of masks, predicted IoUs.
WANTED = {
    "float32": (1e-3, 0.9999, 1e-3),
    "float16": (0.05, 0.99, 0.02),
    "int8": (1.0, 0.9, 0.15),
}


def prompts_of(kind: str, sam: Promptable, embedding: anymask.ImageEmbedding) -> Prompts:
    """Prompts of a kind, about an image of 600×400."""
    rng = np.random.default_rng(5)
    five = rng.uniform([0, 0], [600, 400], (5, 2))
    if kind == "64 prompts":
        return Prompts.of_points(rng.uniform([0, 0], [600, 400], (64, 1, 2)))
    if kind == "mask":
        return Prompts.of_masks(sam.predict(embedding, Prompts.point(300, 200), False).logits[:, 0])
    return {
        "1 point": Prompts.point(310, 190),
        "5 points": Prompts.of_points(five, [1, 1, 0, 1, 0]),
        "box": Prompts.box(120, 60, 480, 350),
        "box + point": Prompts.box(120, 60, 480, 350).with_points([[200, 200]]),
    }[kind]


@pytest.fixture(scope="module")
def photograph() -> npt.NDArray[np.uint8]:
    """A picture of 600×400 with things in it."""
    return parity.scene()[100:500, 200:800].copy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("model", MODELS)
def test_an_export_answers_as_pytorch_does(
    model: str,
    dtype: str,
    kind: str,
    exported: Exporter,
    reference: Reference,
    photograph: npt.NDArray[np.uint8],
) -> None:
    sam, export = reference(model), anymask.load(exported(model, dtype))
    embedding = sam.encode(photograph)
    prompts = prompts_of(kind, sam, embedding)
    arrays = sam.collate([embedding], [prompts])
    expected, scores = sam.answer([embedding], arrays)  # all tokens, in their order
    found, found_scores = export.answer([export.encode(photograph)], arrays)
    logit, iou, score = WANTED[dtype]
    union = ((found > 0) | (expected > 0)).sum(axis=(2, 3))
    shared = ((found > 0) & (expected > 0)).sum(axis=(2, 3))
    assert np.abs(found - expected).max() / expected.std() <= logit
    assert np.median(np.where(union, shared / np.maximum(union, 1), 1)) >= iou
    assert np.abs(found_scores - scores).max() <= score


def test_prompts_of_any_number_and_length_agree_with_each_alone(exported: Exporter) -> None:
    sam = anymask.load(exported("tiny", "float32"))
    embedding = sam.encode(np.zeros((60, 90, 3), np.uint8))
    several = [
        Prompts.point(10, 20),
        Prompts.of_points([[1, 2], [30, 40], [50, 50]], [1, 0, 1]),
        Prompts.box(5, 5, 60, 50),
    ]
    together = sam.predict(embedding, Prompts.join(several), True)
    for row, prompts in enumerate(several):
        alone = sam.predict(embedding, prompts, True)
        np.testing.assert_allclose(together[row].logits, alone.logits, atol=1e-4)


def test_an_official_padding_point_changes_nothing(exported: Exporter) -> None:
    sam = anymask.load(exported("tiny", "float32"))
    embedding = sam.encode(np.zeros((60, 90, 3), np.uint8))
    plain, padded = (
        sam.predict(embedding, Prompts.of_points([[10, 20], [0, 0]][:n], [1, -1][:n]))
        for n in (1, 2)
    )
    np.testing.assert_allclose(plain.logits, padded.logits, atol=1e-4)


def test_masks_count_only_where_they_are_said_to(exported: Exporter) -> None:
    sam = anymask.load(exported("tiny", "float32"))
    embedding = sam.encode(np.zeros((60, 90, 3), np.uint8))
    click = Prompts.point(10, 20)
    logits = np.random.default_rng(0).normal(size=(1, 32, 32))
    first, second = sam.predict([embedding] * 2, [click, click.with_masks(logits)], False)
    np.testing.assert_allclose(first.logits, sam.predict(embedding, click, False).logits, atol=1e-4)
    assert np.abs(first.logits - second.logits).max() > 1e-2


def test_the_folder_and_each_file_say_what_they_are(exported: Exporter) -> None:
    folder = exported("tiny", "float16")
    header = json.loads((folder / EXPORT_FILE).read_text())
    assert header["model"] == "tiny@" + "0" * 16
    assert (header["dtype"], header["input_px"], header["mask_side"]) == ("float16", 128, 32)
    assert len(header["parity"]) == CASES
    assert set(header["files"]) == {*GRAPHS, DECODER_TENSORS_FILE}
    for name in GRAPHS:
        model = onnx.load(folder / name)
        (entry,) = model.metadata_props
        inside = json.loads(entry.value)
        assert entry.key == "anymask"
        assert inside == {k: v for k, v in header.items() if k != "files"} | {"graph": name}
        assert header["files"][name]["bytes"] == (folder / name).stat().st_size
        assert [op.version for op in model.opset_import if op.domain == ""] == [header["opset"]]
        onnx.checker.check_model(model)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*GRAPHS, DECODER_TENSORS_FILE, EXPORT_FILE]
    )


def shapes(values: object) -> dict[str, list[int | str]]:
    """Name to axes: a number, or the name of one that varies."""
    return {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in values  # type: ignore[attr-defined]
    }


def test_decoders_have_the_official_names_and_shapes(exported: Exporter) -> None:
    inputs = {
        "image_embeddings": [1, 256, 8, 8],
        "point_coords": ["prompts", "points", 2],
        "point_labels": ["prompts", "points"],
        "mask_input": ["prompts", 1, 32, 32],
        "has_mask_input": ["prompts"],
    }
    outputs = {"iou_predictions": ["prompts", 4], "low_res_masks": ["prompts", 4, 32, 32]}
    folder = exported("tiny", "float32")
    click, low_res, full = (onnx.load(folder / name).graph for name in DECODERS)
    assert shapes(low_res.input) == inputs
    assert shapes(low_res.output) == outputs
    assert shapes(full.input) == {**inputs, "orig_im_size": [2]}
    assert [value.name for value in full.output] == ["masks", *outputs]
    prepare = onnx.load(folder / PREPARE_FILE).graph
    assert tuple(shapes(prepare.output)) == tuple(
        f"shared_{name}" for name in own_names(MaskDecoderConfig())
    )
    assert shapes(prepare.input) == {"image_embeddings": inputs["image_embeddings"]}
    assert shapes(click.output) == outputs
    taken = {
        f"shared_{name}": shapes(prepare.output)[f"shared_{name}"]
        for name in click_names(MaskDecoderConfig())
    }
    assert shapes(click.input) == {
        **taken,
        **{name: inputs[name] for name in ("point_coords", "point_labels")},
    }
    mask = onnx.load(folder / MASK_FILE).graph
    assert shapes(mask.output) == taken
    assert shapes(mask.input) == {
        "mask_input": [1, 1, 32, 32],
        **{name + UNMASKED: axes for name, axes in shapes(prepare.output).items()},
    }


def test_kernels_answer_as_near_to_pytorch_as_the_graph_does(exported: Exporter) -> None:
    folder = exported("tiny-vit", "float32")
    header = json.loads((folder / EXPORT_FILE).read_text())
    assert {ENCODER_TENSORS_FILE, DECODER_TENSORS_FILE} <= set(header["files"])
    worst = {
        graphs: max(row["logit"] for row in header["parity"] if row["graphs"] == graphs)
        for graphs in ("click", "kernels")
    }
    assert worst["kernels"] < 5 * worst["click"]


def test_a_decoder_that_kernels_don_t_know_has_its_graph_only(tmp_path: Path) -> None:
    config = replace(TINY, decoder=replace(TINY.decoder, mask_tokens=3))
    state = random_model(config).state_dict()
    export_onnx(Checkpoint("three", config, state, "0" * 64, {}), tmp_path, official=False)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {ENCODER_FILE, PREPARE_FILE, MASK_FILE, CLICK_FILE, EXPORT_FILE}


def test_half_precision_halves_the_files_and_keeps_float32_at_the_border(
    exported: Exporter,
) -> None:
    for name in (ENCODER_FILE, *DECODERS):
        whole, half = (onnx.load(exported("tiny", d) / name) for d in ("float32", "float16"))
        assert half.ByteSize() < 0.8 * whole.ByteSize()
        for value in (*half.graph.input, *half.graph.output):
            assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        large = [t for t in half.graph.initializer if math.prod(t.dims) >= 1024]
        assert large
        assert not [t.name for t in large if t.data_type == onnx.TensorProto.FLOAT]


def test_half_precision_keeps_the_positions_frequencies(exported: Exporter) -> None:
    graph = onnx.load(exported("tiny", "float16") / CLICK_FILE).graph
    (frequencies,) = (tensor for tensor in graph.initializer if "gaussian" in tensor.name)
    assert frequencies.data_type == onnx.TensorProto.FLOAT


def test_gelu_is_simplified_in_smaller_decoders_only(exported: Exporter) -> None:
    def forms(dtype: str, name: str) -> set[bytes]:
        graph = onnx.load(exported("tiny", dtype) / name).graph
        gelus = [node for node in graph.node if node.op_type == "Gelu"]
        assert gelus
        return {attribute.s for node in gelus for attribute in node.attribute}

    assert forms("float16", CLICK_FILE) == {b"tanh"}
    assert forms("float32", CLICK_FILE) <= {b"none"}
    assert forms("float16", ENCODER_FILE) <= {b"none"}


def test_int8_computes_its_large_products_in_integers(exported: Exporter) -> None:
    for name in (ENCODER_FILE, *DECODERS):
        graph = onnx.load(exported("tiny", "int8") / name).graph
        assert "MatMulInteger" in {node.op_type for node in graph.node}


def test_clicks_never_normalise_the_image(exported: Exporter) -> None:
    graph = onnx.load(exported("tiny", "float32") / CLICK_FILE).graph
    gains = [n.input[1] for n in graph.node if n.op_type == "LayerNormalization"]
    assert not [name for name in gains if "norm4" in name or "output_upscaling" in name]


def test_sums_before_the_image_s_norms_are_differences(exported: Exporter) -> None:
    graph = onnx.load(exported("tiny", "float32") / LOW_RES_FILE).graph
    makers = {output: node for node in graph.node for output in node.output}
    norms = [n for n in graph.node if n.op_type == "LayerNormalization" and "norm4" in n.input[1]]
    assert [makers[norm.input[0]].op_type for norm in norms] == ["Sub", "Sub"]


def test_a_single_mask_is_the_one_that_predict_puts_first(
    tmp_path: Path, tiny_checkpoint: Checkpoint, picture: npt.NDArray[np.uint8]
) -> None:
    export_onnx(tiny_checkpoint, tmp_path, single_mask=True)
    pair = find_graph_pair(tmp_path)
    assert pair is not None
    decoder = replace(pair, prepare=None, decoder=tmp_path / LOW_RES_FILE)
    single, sam = OnnxSegmenter(decoder), Predictor(tiny_checkpoint)
    embedding = sam.encode(picture)
    click = Prompts.point(45, 30)
    scribble = np.random.default_rng(0).normal(size=(1, 32, 32))
    for prompts in (
        click,
        click.with_masks(scribble),
        Prompts.box(5, 5, 50, 50),
        Prompts.of_points([[5, 5], [50, 50]], [1, 0]),
        Prompts.of_points([[[5, 5]], [[50, 50]]], [[1], [0]]),
    ):
        expected, found = sam.predict(embedding, prompts).best(), single.predict(embedding, prompts)
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)
        np.testing.assert_allclose(found.predicted_iou, expected.predicted_iou, atol=1e-4)
    with pytest.raises(PromptError, match="one mask a prompt"):
        single.predict(embedding, click, True)


def skewed(graph: onnx.GraphProto) -> None:
    """Spoil a graph as a rewrite's bug would: a weight is transposed that others read, too."""
    for weight in graph.initializer:
        if len(weight.dims) == 2 and weight.dims[0] == weight.dims[1]:
            turned = np.ascontiguousarray(numpy_helper.to_array(weight).T)
            weight.CopyFrom(numpy_helper.from_array(turned, weight.name))


def test_an_export_that_answers_otherwise_is_not_written_over_an_earlier_one(
    tmp_path: Path, traced: Tracer, exported: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(exported("tiny", "float32"), tmp_path, dirs_exist_ok=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(export, "keep_norms_apart", skewed)
    with pytest.raises(ExportError, match=rf"answer as PyTorch does in \d+ of {CASES} cases"):
        traced("tiny").write(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_answers_that_are_no_numbers_never_pass() -> None:
    nan = parity.Parity("both", "1 point", math.nan, math.nan, 1.0, 1.0, 0.0)
    with pytest.raises(ExportError):
        parity.check([nan], parity.TOLERANCES["int8"], "it")


class Unheard(nn.Module):
    """An encoder with a layer that no exporter knows."""

    def forward(self, image: Tensor) -> Tensor:
        values: Tensor = torch.linalg.eigvals(image[..., :64, :64])
        return values.real


def test_a_layer_that_onnx_lacks_is_named(
    tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traceable, "EncoderGraph", lambda sam: Unheard())
    with pytest.raises(ExportError, match=r"can't be expressed in ONNX.*eig"):
        export_onnx(tiny_checkpoint, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_beyond_the_format_s_limit_is_refused(
    tmp_path: Path, traced: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "LARGEST_BYTES", 1000)
    with pytest.raises(ExportError, match="take --dtype float16"):
        traced("tiny").write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_numbers_are_refused(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(Error, match="float32, float16, int8"):
        export_onnx(tiny_checkpoint, tmp_path, dtype="float8")


def test_a_place_that_can_t_be_written_is_said(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        export_onnx(tiny_checkpoint, tmp_path / "file" / "out")


def test_an_export_is_no_checkpoint(exported: Exporter) -> None:
    with pytest.raises(Error, match="an export: graphs to run, not a checkpoint"):
        load_checkpoint(exported("tiny", "float32"))


def test_the_exported_encoder_has_no_scattered_writes(exported: Exporter) -> None:
    """Padding windows by writing into an empty tensor would export as slow ScatterND."""
    graph = onnx.load(exported("tiny", "float32") / ENCODER_FILE).graph
    assert "ScatterND" not in {node.op_type for node in graph.node}
