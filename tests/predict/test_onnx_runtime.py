"""Pairs of graphs on onnxruntime: every kind of pair, without torch, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import anymask
from anymask.core.embedding import ImageEmbedding
from anymask.core.prompts import Prompts
from anymask.errors import CorruptFileError, EmbeddingError, Error, LayoutError, PromptError
from anymask.export.parity import scene
from anymask.predict.automatic import AutomaticConfig, segment_everything
from anymask.predict.onnx_runtime import Graph, OnnxSegmenter, find_providers
from anymask.predict.predictor import Predictor
from anymask.predict.promptable import rank
from anymask.weights.adapters.official_decoder import with_outputs
from anymask.weights.graph_pair import (
    CLICK_FILE,
    DECODER_TENSORS_FILE,
    ENCODER_FILE,
    EXPORT_FILE,
    MASK_FILE,
    PREPARE_FILE,
    GraphPair,
    Together,
    find_graph_pair,
)

Exporter = Callable[[str, str], Path]
RGB = npt.NDArray[np.uint8]
FLOAT = TensorProto.FLOAT


@pytest.fixture
def folder(exported: Exporter, tmp_path: Path) -> Path:
    """An export of the tiny model, to be spoilt."""
    return Path(shutil.copytree(exported("tiny", "float32"), tmp_path / "export"))


# --- errors


@pytest.mark.parametrize(
    "name", [ENCODER_FILE, PREPARE_FILE, MASK_FILE, CLICK_FILE, DECODER_TENSORS_FILE]
)
def test_a_damaged_graph_is_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(CorruptFileError, match=f"{name} is damaged"):
        anymask.load(folder)
    (folder / name).unlink()
    with pytest.raises(CorruptFileError, match=f"no {name}"):
        anymask.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"anymask_export": 99}, "newer anymask"),
        ({"files": {}}, "is damaged"),
        ({"input_px": "large"}, "is damaged"),
        ({"embedding_shape": [1, 2]}, "is damaged"),
        ({"resize": "somehow"}, "is damaged"),
        ({"pixel_mean": None}, "is damaged"),
    ],
)
def test_a_damaged_header_is_named(folder: Path, change: dict[str, object], message: str) -> None:
    header = json.loads((folder / EXPORT_FILE).read_text())
    (folder / EXPORT_FILE).write_text(json.dumps(header | change))
    with pytest.raises((CorruptFileError, LayoutError), match=message):
        anymask.load(folder)
    (folder / EXPORT_FILE).write_text("{")
    with pytest.raises(CorruptFileError, match="is damaged"):
        anymask.load(folder)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_earlier_exports_are_read(folder: Path, version: int) -> None:
    header = json.loads((folder / EXPORT_FILE).read_text())
    header["files"].pop(DECODER_TENSORS_FILE)
    if version == 5:  # what pages read of it, and nobody does any more
        header["files"]["attend.onnx"] = {"sha256": "0" * 64, "bytes": 1}
    (folder / EXPORT_FILE).write_text(json.dumps(header | {"anymask_export": version}))
    (folder / DECODER_TENSORS_FILE).unlink()
    assert anymask.load(folder).mask_side == 32


def test_an_embedding_of_another_model_or_shape_is_refused(
    exported: Exporter, picture: RGB
) -> None:
    sam = anymask.load(exported("tiny", "float32"))
    embedding = sam.encode(picture)
    other = ImageEmbedding(embedding.arrays, embedding.resize_map, "other@1111")
    with pytest.raises(EmbeddingError, match=r"made by other@1111.*by tiny@0000"):
        sam.predict(other, Prompts.point(1, 1))
    cut = {"image_embed": embedding.arrays["image_embed"][:8]}
    with pytest.raises(EmbeddingError, match=r"no image_embed of the model's size \(256, 8, 8\)"):
        sam.predict(ImageEmbedding(cut, embedding.resize_map, sam.model_id), Prompts.point(1, 1))


def test_embeddings_travel_between_pytorch_and_an_export(
    exported: Exporter, reference: Callable[[str], Predictor], picture: RGB
) -> None:
    torch_sam, onnx_sam = reference("tiny"), anymask.load(exported("tiny", "float32"))
    there, back = torch_sam.encode(picture), onnx_sam.encode(picture)
    click = Prompts.point(45, 30)
    expected = torch_sam.predict(there, click).logits
    np.testing.assert_allclose(onnx_sam.predict(there, click).logits, expected, atol=1e-3)
    np.testing.assert_allclose(torch_sam.predict(back, click).logits, expected, atol=1e-3)


def test_the_numbers_of_an_export_are_its_own(exported: Exporter) -> None:
    with pytest.raises(Error, match="exported as float32; it can't run in float16"):
        anymask.load(exported("tiny", "float32"), dtype="float16")
    assert anymask.load(exported("tiny", "float16"), dtype="float16").dtype_name == "float16"


def test_providers_are_found_by_any_of_their_names() -> None:
    assert find_providers("cpu") == find_providers("CPUExecutionProvider")
    assert find_providers("auto")[-1] == "CPUExecutionProvider"
    for device in ("cuda", "cuda:1", "rubbish"):
        with pytest.raises(Error, match=f"no execution provider for {device}; it has .*cpu"):
            find_providers(device)
    with pytest.raises(Error, match="no device 'cpu:1'"):
        find_providers("cpu:1")


def test_a_file_that_is_no_graph_is_said_to_be_none(tmp_path: Path, picture: RGB) -> None:
    for name in ("encoder.onnx", "sam.onnx"):
        (tmp_path / name).write_bytes(b"no graph")
    pair = find_graph_pair(tmp_path)
    assert pair is not None
    with pytest.raises(CorruptFileError, match=r"encoder.onnx is no ONNX graph that runs"):
        OnnxSegmenter(pair).encode(picture)


# --- graphs made by hand, which show what reaches them


Shapes = dict[str, tuple[int | str, ...]]


def graph(path: Path, nodes: list[onnx.NodeProto], inputs: Shapes, outputs: Shapes) -> Path:
    """Write a graph; inputs and outputs: name to shape."""
    given, made = (
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in values.items()]
        for values in (inputs, outputs)
    )
    model = helper.make_model(
        helper.make_graph(nodes, "made", given, made), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    onnx.save(model, path)
    return path


def spy_pair(folder: Path, together: Together, prompts: int | str = "P") -> GraphPair:
    """A pair whose predicted IoUs are the sums of coordinates, of labels and of the mask flag."""
    shape = (1, 2, 4, 4)
    encoder = graph(
        folder / "encoder.onnx",
        [
            helper.make_node("MaxPool", ["image"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
            helper.make_node("Slice", ["pooled", "a", "b", "c"], ["seen"]),
        ],
        {"image": (1, 3, 16, 16)},
        {"seen": shape},
    )
    model = onnx.load(encoder)
    for name, value in (("a", 0), ("b", 2), ("c", 1)):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], [value]))
    onnx.save(model, encoder)
    decoder = graph(
        folder / "sam.onnx",
        [
            helper.make_node("Constant", [], ["last"], value_ints=[1, 2]),
            helper.make_node("Constant", [], ["one"], value_ints=[1]),
            helper.make_node("ReduceSum", ["point_coords", "last"], ["xy"], keepdims=0),
            helper.make_node("ReduceSum", ["point_labels", "one"], ["labels"], keepdims=0),
            helper.make_node("Mul", ["labels", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "has_mask_input"], ["flags"]),
            helper.make_node("Unsqueeze", ["xy", "one"], ["xy1"]),
            helper.make_node("Unsqueeze", ["labels", "one"], ["labels1"]),
            helper.make_node("Unsqueeze", ["flags", "one"], ["flags1"]),
            helper.make_node("Concat", ["xy1", "labels1", "flags1"], ["iou_predictions"], axis=1),
            helper.make_node("Concat", ["mask_input"] * 3, ["low_res_masks"], axis=1),
        ],
        {
            "image_embeddings": shape,
            "point_coords": (prompts, "N", 2),
            "point_labels": (prompts, "N"),
            "mask_input": (prompts, 1, 16, 16),
            "has_mask_input": (prompts if together == Together.any else 1,),
        },
        {"iou_predictions": (prompts, 3), "low_res_masks": (prompts, 3, 16, 16)},
    )
    model = onnx.load(decoder)
    model.graph.initializer.append(helper.make_tensor("zero", FLOAT, [], [0.0]))
    onnx.save(model, decoder)
    return GraphPair(
        "spy", "spy@1", "float32", encoder, decoder, 16, 16,
        {"image_embed": "image_embeddings"}, {"image_embed": (2, 4, 4)}, together=together,
    )  # fmt: skip


PROMPTS = [
    Prompts.point(3, 2),
    Prompts.of_points([[1, 2], [3, 4]], [1, 0]),
    Prompts.box(1, 2, 8, 6),
    Prompts.box(1, 2, 8, 6).with_points([[5, 5]]),
    Prompts.point(7, 7),
]


@pytest.mark.parametrize(
    ("together", "prompts", "padding"),
    [(Together.any, "P", 0), (Together.alike, "P", 0), (Together.one, 1, -1)],
)
def test_each_kind_of_decoder_gets_the_prompts_it_understands(
    tmp_path: Path, together: Together, prompts: int | str, padding: int
) -> None:
    """Sums tell: official decoders get a padding point beside points, none beside a box."""
    sam = OnnxSegmenter(spy_pair(tmp_path, together, prompts))
    embedding = sam.encode(np.zeros((16, 16, 3), np.uint8))
    arrays = sam.collate([embedding], [Prompts.join(PROMPTS)])
    _, sums = sam.answer([embedding], arrays)
    np.testing.assert_allclose(sums[:, 0], [prompts.points.sum() for prompts in PROMPTS])
    if together == Together.any:  # padded to one length, which ours ignores
        expected = [1 - 2, 1 + 0 - 1, 2 + 3 - 1, 6, 1 - 2]
    else:
        expected = [1 + padding, 1 + padding, 5, 6, 1 + padding]
    np.testing.assert_allclose(sums[:, 1], expected)
    np.testing.assert_allclose(sums[:, 2], 0)


@pytest.mark.parametrize("together", [Together.any, Together.alike])
def test_prompts_with_and_without_masks_about_two_images(
    tmp_path: Path, together: Together
) -> None:
    sam = OnnxSegmenter(spy_pair(tmp_path, together))
    embedding = sam.encode(np.zeros((16, 16, 3), np.uint8))
    rough = np.full((1, 16, 16), 3.0)
    several = [Prompts.point(3, 2).with_masks(rough), Prompts.point(1, 1), Prompts.of_masks(rough)]
    arrays = sam.collate([embedding] * 3, several)
    logits, sums = sam.answer([embedding] * 3, arrays)
    np.testing.assert_allclose(sums[:, 2], [1, 0, 1])
    np.testing.assert_allclose(logits[:, 0, 0, 0], [3, 0, 3])
    np.testing.assert_allclose(sums[2, :2], [0, -1])  # no point: one of padding


def test_a_stretched_image_fills_the_square(tmp_path: Path) -> None:
    pair = replace(spy_pair(tmp_path, Together.alike), stretch=True)
    sam = OnnxSegmenter(pair)
    embedding = sam.encode(np.full((8, 32, 3), 255, np.uint8))
    assert embedding.resize_map.stretch
    assert ImageEmbedding.from_bytes(embedding.to_bytes()).resize_map.stretch
    arrays = sam.collate([embedding], [Prompts.point(16, 4)])
    np.testing.assert_allclose(arrays.point_coords[0, 0], [8, 8])
    white = (255 - pair.pixel_mean[0]) / pair.pixel_std[0]
    np.testing.assert_allclose(embedding.arrays["image_embed"][0], white, rtol=1e-5)
    masks = sam.predict(embedding, Prompts.point(16, 4))
    assert masks.to_bool().shape == (1, 3, 8, 32)


def test_a_decoder_of_another_kind_is_refused(tmp_path: Path, picture: RGB) -> None:
    sam = OnnxSegmenter(replace(spy_pair(tmp_path, Together.any), logits="masks_of_sam_2"))
    with pytest.raises(LayoutError, match=r"no decoder of spy: no masks_of_sam_2"):
        sam.predict(sam.encode(picture), Prompts.point(1, 1))


def test_a_layer_that_onnxruntime_lacks_is_named(tmp_path: Path, picture: RGB) -> None:
    nodes = [helper.make_node("Frobnicate", ["image"], ["seen"], domain="some.where")]
    unknown = graph(tmp_path / "x.onnx", nodes, {"image": (1, 3, 16, 16)}, {"seen": (1, 2, 4, 4)})
    model = onnx.load(unknown)
    model.opset_import.append(helper.make_opsetid("some.where", 1))
    onnx.save(model, unknown)
    sam = OnnxSegmenter(replace(spy_pair(tmp_path, Together.any), encoder=unknown))
    with pytest.raises(LayoutError, match=r"a layer that onnxruntime .* does not know.*Frobnicate"):
        sam.encode(picture)


# --- which of the tokens


@pytest.mark.parametrize(
    ("tokens", "multimask", "expected"),
    [
        ([0.9, 0.1, 0.3, 0.2], None, [[2, 3, 1]]),
        ([0.9, 0.1, 0.3, 0.2], False, [[0]]),
        ([0.1, 0.3, 0.2], None, [[1, 2, 0]]),
        ([0.1, 0.3, 0.2], False, [[1]]),
        ([0.5], None, [[0]]),
        ([0.5], False, [[0]]),
    ],
)
def test_models_of_one_three_and_four_tokens(
    tokens: list[float], multimask: bool | None, expected: list[list[int]]
) -> None:
    order = rank(np.array([tokens], np.float32), np.array([True]), multimask)
    assert order.tolist() == expected
    clear = rank(np.array([tokens], np.float32), np.array([False]), None)
    assert clear.tolist() == [[int(np.argmax(tokens))]]


def test_three_masks_of_a_model_that_gives_one() -> None:
    with pytest.raises(PromptError, match="one mask a prompt"):
        rank(np.ones((1, 1), np.float32), np.array([True]), True)


# --- everything, and the default weights' own graphs


@pytest.mark.parametrize("model", ["tiny", "tiny-vit"])
def test_everything_in_an_image_on_an_export(
    exported: Exporter, reference: Callable[[str], Predictor], picture: RGB, model: str
) -> None:
    """The second of them looks twice at masks, which this mode heeds nothing of."""
    config = AutomaticConfig(
        points_per_side=6, pred_iou_thresh=-9, stability_score_thresh=0, box_nms_thresh=1
    )
    expected, found = (
        segment_everything(sam, picture, config)
        for sam in (reference(model), anymask.load(exported(model, "float32")))
    )
    assert len(found) == len(expected) > 50
    same = [a["segmentation"] == b["segmentation"] for a, b in zip(found, expected)]
    assert np.mean(same) > 0.95
    one, other = (np.sort([a["predicted_iou"] for a in each]) for each in (found, expected))
    np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.weights
@pytest.mark.parametrize("name", ["mobile-sam", "anymask-small"])
def test_official_graphs_give_the_masks_that_their_weights_give(
    predictors: Callable[[str], Predictor], name: str
) -> None:
    """Where torch is missing the weights run as the graphs that they come in."""
    predictor, pair = predictors(name), find_graph_pair(name, offline=True)
    assert pair is not None
    assert pair.model_id == predictor.model_id
    sam, image = OnnxSegmenter(pair), scene()
    embedding, own = predictor.encode(image), sam.encode(image)
    np.testing.assert_allclose(
        own.arrays["image_embed"], embedding.arrays["image_embed"], atol=2e-2
    )
    for prompts in (Prompts.point(300, 300), Prompts.of_points([[[300, 300]], [[725, 320]]])):
        for multimask_output in (True, False):
            expected = predictor.predict(embedding, prompts, multimask_output)
            found = sam.predict(own, prompts, multimask_output)
            one, other = expected.to_bool(), found.to_bool()
            iou = (one & other).sum(axis=(2, 3)) / (one | other).sum(axis=(2, 3))
            assert iou.min() > 0.99
            np.testing.assert_allclose(found.predicted_iou, expected.predicted_iou, atol=1e-2)


@pytest.mark.weights
def test_everything_heeds_what_was_predicted_at_first_sight(
    predictors: Callable[[str], Predictor],
) -> None:
    """The thresholds of everything-mode are of the IoUs before a second look."""
    config = AutomaticConfig(points_per_side=4, pred_iou_thresh=0.7, stability_score_thresh=0)
    expected = segment_everything(predictors("mobile-sam"), scene(), config)
    pair = find_graph_pair("anymask-small", offline=True)
    assert pair is not None
    found = segment_everything(OnnxSegmenter(pair), scene(), config)
    assert len(found) == len(expected) > 5
    one, other = (
        np.sort([annotation["predicted_iou"] for annotation in each]) for each in (expected, found)
    )
    np.testing.assert_allclose(one, other, atol=1e-2)


def test_outputs_are_added_to_a_graph(tmp_path: Path) -> None:
    """By appending to the file; the format itself, read by its own library, agrees."""
    double, twice = (
        helper.make_node("Add", ["x", "x"], ["inside"]),
        helper.make_node("Add", ["inside", "inside"], ["outside"]),
    )
    ends = [helper.make_tensor_value_info(name, FLOAT, [2]) for name in ("x", "outside")]
    graph = helper.make_graph([double, twice], "g" * 300, ends[:1], ends[1:])
    content = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 20)]
    ).SerializeToString()
    more = with_outputs(content, ["inside"])
    assert [output.name for output in onnx.load_from_string(more).graph.output] == [
        "outside",
        "inside",
    ]
    path = tmp_path / "graph.onnx"
    path.write_bytes(more)
    outside, inside = Graph(path).run(["outside", "inside"], {"x": np.ones(2, np.float32)})
    assert (outside.tolist(), inside.tolist()) == ([4, 4], [2, 2])


# --- without torch

WITHOUT = ("torch", "functorch", "torchgen", "safetensors", "onnx", "onnxscript", "transformers")
SEGMENT = """
import sys, anymask
assert "torch" not in sys.modules
try:
    import torch
except ImportError:
    pass
else:
    sys.exit("torch is there")
from anymask.cli.main import main
sys.argv = ["anymask", *sys.argv[1:]]
main()
"""


def bare_environment(folder: Path) -> Path:
    """A virtual environment with what we installed but torch and its kin; the path of its Python.

    Linked, not installed: tests reach no registry. The test below does it the long way.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if entry.name.split("-")[0].split(".")[0] not in WITHOUT:
            (site / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a Python that must have no torch."""
    return subprocess.run(
        [str(python), "-c", SEGMENT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_photograph_is_segmented_where_there_is_no_torch(
    exported: Exporter, tmp_path: Path, picture: RGB
) -> None:
    python = bare_environment(tmp_path / "venv")
    Image.fromarray(picture).save(tmp_path / "photo.png")
    export = str(exported("tiny", "float16"))
    click = ["segment", "photo.png", "--point", "45,30", "--weights"]
    done = run(python, tmp_path, *click, export, "--json")
    assert done.returncode == 0, done.stderr
    (annotation,) = json.loads(done.stdout)["annotations"]
    sam = anymask.load(export)
    found = sam.predict(sam.encode(picture), Prompts.point(45, 30)).predicted_iou
    assert annotation["predicted_iou"] == pytest.approx(float(found[0, 0]), abs=1e-4)
    everything = ["masks", "photo.png", "--out", "out", "--points-per-side", "4"]
    done = run(python, tmp_path, *everything, "--weights", export)
    assert done.returncode == 0, done.stderr
    missing = run(python, tmp_path, *click, "sam-vit-b")
    assert missing.returncode == 1
    assert "pip install 'anymask[torch]'" in missing.stderr
    exporting = run(python, tmp_path, "export", "onnx", "--out", "e")
    assert exporting.returncode == 1
    assert "pip install 'anymask[export]'" in exporting.stderr


@pytest.mark.network
@pytest.mark.slow
def test_the_extra_onnx_alone_segments_a_photograph(exported: Exporter, tmp_path: Path) -> None:
    root = Path(anymask.__file__).parents[1]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "-c", str(root / "constraints.txt")]
    subprocess.run([*pip, f"{root}[onnx]"], check=True)
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save(tmp_path / "photo.png")
    for weights in (str(exported("tiny", "int8")), "mobile-sam"):
        arguments = ["segment", "photo.png", "--point", "4,3", "--weights", weights]
        done = run(python, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "photo_mask.png").is_file()


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.data
def test_sam_2_answers_a_click_on_the_truck(data_folder: Path) -> None:
    sam = anymask.load("sam2-hiera-tiny", offline=False)
    embedding = sam.encode(data_folder / "photos" / "truck.jpg")
    several = Prompts.join([Prompts.point(500, 375), Prompts.box(425, 600, 700, 875)])
    together = sam.predict(embedding, several, True)
    for row in range(2):
        alone = sam.predict(embedding, several[row], True)
        np.testing.assert_allclose(together[row].logits, alone.logits, atol=1e-3)
    wheel = sam.predict(embedding, Prompts.box(425, 600, 700, 875))
    assert wheel.predicted_iou[0, 0] > 0.9
    x0, y0, x1, y1 = wheel.boxes()[0, 0]
    assert abs(np.array([x0, y0, x1, y1]) - [425, 600, 700, 875]).max() < 30
