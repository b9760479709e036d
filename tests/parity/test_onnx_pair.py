"""The default weights, read from their ONNX pair, against the pair itself run by onnxruntime.

Shape legend: P prompts, N points, M masks, C channels, h w low-resolution grid, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from PIL import Image

from anymask.core.embedding import ImageEmbedding
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.errors import OfflineError
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.tiny_vit import TinyViT
from anymask.predict.predictor import IMAGE_EMBED, Predictor, load
from anymask.weights.fetch import fetch_row
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import find

onnxruntime: Any = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.weights

Floats = npt.NDArray[np.float32]

INPUT_PX, MASK_SIDE = 1024, 256
# Ten times what was seen: 1.9e-4 in logits of magnitude 50, 1e-6 in IoUs, 2.3e-6 in features.
LOGITS_TOLERANCE, IOU_TOLERANCE, FEATURES_TOLERANCE = 2e-3, 1e-4, 1e-4
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)
# The graph answers with one mask; these are all four before it chooses.
ALL_LOGITS, ALL_IOUS = "/Reshape_9_output_0", "/iou_prediction_head/layers.2/Gemm_output_0"


@dataclass(frozen=True)
class Pair:
    """The two graphs, ready to run."""

    encoder: Any
    head: Any

    def encode(self, picture: Image.Image) -> Floats:
        """The embedding (1, C, h, w) of a picture, prepared here and not by anymask."""
        height, width = content_hw(picture)
        small = picture.resize((width, height), Image.Resampling.BILINEAR)
        pixels = (np.asarray(small, np.float32) - MEAN) / STD
        square = np.zeros((1, 3, INPUT_PX, INPUT_PX), np.float32)
        square[0, :, :height, :width] = pixels.transpose(2, 0, 1)
        return np.asarray(self.encoder.run(["output"], {"input": square})[0])

    def predict(
        self, names: list[str], features: Floats, seen: Seen, prompt: PlacedPrompt
    ) -> list[Floats]:
        """Some of the head's values for one prompt."""
        mask = np.zeros((1, 1, MASK_SIDE, MASK_SIDE)) if prompt.mask is None else prompt.mask
        inputs: dict[str, npt.NDArray[Any]] = {
            "image_embeddings": features,
            "point_coords": prompt.coords(seen.picture)[None],
            "point_labels": np.array([prompt.labels]),
            "mask_input": mask,
            "has_mask_input": np.array([prompt.mask is not None]),
            "orig_im_size": np.array(seen.picture.size[::-1]),
        }
        answer = self.head.run(names, {k: v.astype(np.float32) for k, v in inputs.items()})
        return [np.asarray(value) for value in answer]


@dataclass(frozen=True)
class Seen:
    """A picture as the graph sees it and as we do."""

    picture: Image.Image
    theirs: Floats
    ours: ImageEmbedding


@dataclass(frozen=True)
class PlacedPrompt:
    """One prompt: places as parts of the picture's width and height, their labels, and a mask.

    Without a box the official export wants one point more, of label -1.
    """

    places: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]
    mask: Floats | None = None

    def coords(self, picture: Image.Image) -> npt.NDArray[np.float64]:
        """(N, 2) pixels of the model's input."""
        height, width = content_hw(picture)
        return np.array(self.places) * [width, height]

    def batch(self, picture: Image.Image) -> PromptBatch:
        """The same for our model."""
        real = np.array(self.labels) >= 0
        return PromptBatch(
            torch.from_numpy(self.coords(picture)[real].astype(np.float32))[None],
            torch.tensor(self.labels)[torch.from_numpy(real)][None],
            torch.zeros(1, dtype=torch.long),
            None if self.mask is None else torch.from_numpy(self.mask),
        )


POINT = PlacedPrompt(((0.28, 0.31), (0.0, 0.0)), (1, -1))
POINTS = PlacedPrompt(
    ((0.5, 0.5), (0.6, 0.4), (0.1, 0.1), (0.9, 0.2), (0.0, 0.0)), (1, 1, 0, 0, -1)
)
BOX = PlacedPrompt(((0.2, 0.3), (0.7, 0.8)), (2, 3))
BOX_AND_POINT = PlacedPrompt(((0.45, 0.5), (0.2, 0.3), (0.7, 0.8)), (1, 2, 3))
PROMPTS = {"a point": POINT, "points": POINTS, "a box": BOX, "a box and a point": BOX_AND_POINT}


def content_hw(picture: Image.Image) -> tuple[int, int]:
    """Size of the picture inside the model's square."""
    width, height = picture.size
    scale = INPUT_PX / max(width, height)
    return int(height * scale + 0.5), int(width * scale + 0.5)


def synthetic() -> Image.Image:
    """Discs before a gradient: a picture that needs no file."""
    y, x = np.mgrid[0:480, 0:640]
    pixels = np.stack([x * 255 // 640, y * 255 // 480, (x + y) * 255 // 1120], axis=-1)
    pixels[np.hypot(x - 180, y - 150) < 90] = (220, 40, 30)
    pixels[np.hypot(x - 420, y - 300) < 120] = (30, 200, 90)
    pixels[np.hypot(x - 420, y - 300) < 50] = (240, 240, 20)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture(scope="module")
def pair() -> Pair:
    """The cached graphs, the head with its inner values as further outputs."""
    try:
        paths = fetch_row(find("mobile-sam"), offline=True)
    except OfflineError:
        pytest.skip("the default weights are not here: anymask weights pull mobile-sam")
    return Pair(session(paths["encoder.onnx"].read_bytes()), session(opened(paths["sam.onnx"])))


def opened(path: Path) -> bytes:
    """A graph that also gives all four masks and IoUs."""
    model = onnx.load(str(path))
    for name in (ALL_LOGITS, ALL_IOUS):
        value = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        model.graph.output.append(value)
    return bytes(model.SerializeToString())


def session(graph: bytes) -> Any:
    """Run a graph on the processor, with one thread and few words."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def predictor(pair: Pair) -> Predictor:
    """Our model on the processor: a graphics card's rounding would need another tolerance."""
    return load("mobile-sam", device="cpu", dtype="float32", offline=True)


PHOTOS = [pytest.param(n, marks=pytest.mark.data) for n in ("truck", "dog", "groceries")]


@pytest.fixture(scope="module", params=["synthetic", *PHOTOS])
def seen(request: pytest.FixtureRequest, pair: Pair, predictor: Predictor) -> Seen:
    """A picture, embedded by both."""
    if request.param == "synthetic":
        picture = synthetic()
    else:
        path = request.getfixturevalue("data_folder") / "photos" / f"{request.param}.jpg"
        if not path.is_file():
            pytest.skip(f"the photograph {path.name} is not here")
        picture = Image.open(path).convert("RGB")
    return Seen(picture, pair.encode(picture), predictor.encode(picture))


def compare(what: str, answer: Floats, expected: Floats, tolerance: float) -> None:
    """Say how far apart they are, and fail beyond the tolerance."""
    assert answer.shape == expected.shape
    difference = float(np.abs(answer - expected).max())
    said = f"{what}: at most {difference:.2e} apart, of magnitude {np.abs(expected).max():.3g}"
    print(said)
    assert difference <= tolerance, said


def decode(
    predictor: Predictor, seen: Seen, prompt: PlacedPrompt
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Our logits (1, 4, h, w) and IoUs (1, 4), from our embedding."""
    features = torch.from_numpy(seen.ours.arrays[IMAGE_EMBED])[None]
    logits, iou = predictor.decode(features, prompt.batch(seen.picture))
    return logits.cpu().numpy(), iou.cpu().numpy()


def test_the_embedding_is_the_graphs(seen: Seen) -> None:
    compare("features", seen.ours.arrays[IMAGE_EMBED][None], seen.theirs, FEATURES_TOLERANCE)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_all_four_masks_are_the_graphs(
    pair: Pair, seen: Seen, predictor: Predictor, prompt: PlacedPrompt
) -> None:
    """From the picture on: our embedding and decoder against theirs."""
    expected = pair.predict([ALL_LOGITS, ALL_IOUS], seen.theirs, seen, prompt)
    logits, iou = decode(predictor, seen, prompt)
    compare("logits", logits, expected[0], LOGITS_TOLERANCE)
    compare("IoUs", iou, expected[1], IOU_TOLERANCE)


@pytest.mark.parametrize("prompt", [POINTS, BOX], ids=["points", "a box"])
def test_a_mask_fed_back_gives_the_graphs_masks(
    pair: Pair, seen: Seen, predictor: Predictor, prompt: PlacedPrompt
) -> None:
    rough = pair.predict(["low_res_masks"], seen.theirs, seen, POINT)[0]
    again = PlacedPrompt(prompt.places, prompt.labels, rough)
    first = pair.predict([ALL_LOGITS], seen.theirs, seen, prompt)[0]
    expected = pair.predict([ALL_LOGITS, ALL_IOUS], seen.theirs, seen, again)
    assert np.abs(expected[0] - first).max() > 0.5  # the mask says something
    logits, iou = decode(predictor, seen, again)
    compare("logits", logits, expected[0], LOGITS_TOLERANCE)
    compare("IoUs", iou, expected[1], IOU_TOLERANCE)


@pytest.mark.parametrize("prompt", [POINT, POINTS], ids=["a point", "points"])
def test_the_answer_to_clicks_is_the_one_that_the_graph_chooses(
    pair: Pair, seen: Seen, predictor: Predictor, prompt: PlacedPrompt
) -> None:
    """Through the public calls, in pixels of the picture, to its full size."""
    names = ["low_res_masks", "iou_predictions", "masks"]
    low, iou, full = pair.predict(names, seen.theirs, seen, prompt)
    best = predictor.predict(seen.ours, clicks(prompt, seen.picture)).best()
    compare("low-resolution logits", best.logits, low, LOGITS_TOLERANCE)
    compare("IoU", best.predicted_iou, iou, IOU_TOLERANCE)
    compare("logits", np.stack(list(best.full_logits()))[None], full, LOGITS_TOLERANCE)


def clicks(prompt: PlacedPrompt, picture: Image.Image) -> Prompts:
    """The points of a prompt in pixels of the picture, as a user gives them."""
    width, height = picture.size
    points = np.array(prompt.places[:-1]) * [width, height]
    return Prompts.of_points(points, np.array(prompt.labels[:-1]))


def test_the_plain_encoder_gives_the_graphs_embedding_too(pair: Pair) -> None:
    """Batch norms not folded, all rows at once: what training runs."""
    model = load_checkpoint("mobile-sam", offline=True).build_sam()
    assert isinstance(model.image_encoder, TinyViT)
    assert model.image_encoder.band_rows == 0
    picture = synthetic()
    height, width = content_hw(picture)
    small = picture.resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]
    with torch.no_grad():
        features = model.image_encoder(model.preprocess(pixels)).numpy()
    compare("features", features, pair.encode(picture), FEATURES_TOLERANCE)


@pytest.mark.data
def test_the_truck_has_the_ious_that_are_known(predictor: Predictor, data_folder: Path) -> None:
    """For the click of the official example notebook; to the fourth digit, as others state them."""
    path = data_folder / "photos" / "truck.jpg"
    if not path.is_file():
        pytest.skip("the photograph truck.jpg is not here")
    masks: Masks = predictor.predict(predictor.encode(path), Prompts.point(500, 375))
    np.testing.assert_allclose(masks.predicted_iou, [[0.9998, 0.9869, 0.9023]], atol=1e-3)
