"""The adapter of transformers against direct calls of its models.

Shape legend: P prompts, N points, M masks, h w low-resolution grid, S side of the model's input.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.errors import EmbeddingError, LayoutError, OfflineError, UnknownWeightsError
from anymask.evaluation.rivals.load import AdaptedSource
from anymask.evaluation.rivals.rival import Adapter

transformers: Any = pytest.importorskip("transformers")

IMAGE_PX, WIDTH, MASK_SIDE = 128, 32, 32
PICTURE = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
DECODER = {"hidden_size": WIDTH, "mlp_dim": 48, "iou_head_hidden_dim": 48, "num_attention_heads": 4}
PROMPT_ENCODER = {"hidden_size": WIDTH, "image_size": IMAGE_PX, "patch_size": 16}
ROUGH = np.random.default_rng(1).normal(size=(2, MASK_SIDE, MASK_SIDE)).astype(np.float32)


def sam_config() -> Any:
    """Of a tiny ``SamModel``."""
    encoder = {
        "hidden_size": 32,
        "output_channels": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": IMAGE_PX,
        "patch_size": 16,
        "window_size": 3,
        "global_attn_indexes": [1],
        "num_pos_feats": WIDTH // 2,
        "mlp_dim": 64,
    }
    return transformers.SamConfig(
        vision_config=encoder, prompt_encoder_config=PROMPT_ENCODER, mask_decoder_config=DECODER
    )


def sam2_config() -> Any:
    """Of a tiny ``Sam2Model``."""
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 16,
        "image_size": [IMAGE_PX, IMAGE_PX],
        "embed_dim_per_stage": [16, 32, 64, 128],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "blocks_per_stage": [1, 1, 2, 1],
        "global_attention_blocks": [3],
        "window_size_per_stage": [8, 4, 4, 4],
    }
    encoder = {
        "backbone_config": backbone,
        "backbone_channel_list": [128, 64, 32, 16],
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "fpn_hidden_size": WIDTH,
    }
    return transformers.Sam2Config(
        vision_config=encoder, prompt_encoder_config=PROMPT_ENCODER, mask_decoder_config=DECODER
    )


@dataclass(frozen=True)
class Pair:
    """A model of transformers in a folder, and the adapter that loaded it."""

    theirs: Any
    folder: Path
    sam: Segmenter
    stretch: bool

    @property
    def content_hw(self) -> tuple[int, int]:
        """Of the picture in the model's input: 60 × 90 pixels with the longest side to 128."""
        return (IMAGE_PX, IMAGE_PX) if self.stretch else (85, IMAGE_PX)

    def pixels(self) -> Tensor:
        """The picture as the model's processor makes it: (1, 3, S, S)."""
        height, width = self.content_hw
        resized = Image.fromarray(PICTURE).resize((width, height), Image.Resampling.BILINEAR)
        square = np.zeros((1, 3, IMAGE_PX, IMAGE_PX), np.float32)
        square[0, :, :height, :width] = ((np.asarray(resized) / 255 - MEAN) / STD).transpose(
            2, 0, 1
        )
        return torch.from_numpy(square)

    def scaled(self, xy: npt.NDArray[np.float64]) -> Tensor:
        """(..., 2) pixels of the picture to pixels of the input."""
        height, width = self.content_hw
        return torch.tensor(xy * [width / 90, height / 60], dtype=torch.float32)

    @torch.no_grad()
    def direct(self, multimask_output: bool, **asked: Any) -> tuple[Tensor, Tensor]:
        """Logits (P, M, h, w) and IoUs (P, M), best first."""
        out = self.theirs(self.pixels(), multimask_output=multimask_output, **asked)
        logits, iou = out.pred_masks[0], out.iou_scores[0]
        order = iou.argsort(dim=1, descending=True, stable=True)
        each = torch.arange(len(iou))[:, None]
        return logits[each, order], iou[each, order]


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """Transformers shows a progress bar for every weight it loads."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


@pytest.fixture(scope="module", params=["sam", "sam2"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A tiny random model, saved and loaded as a worker process would."""
    folder = tmp_path_factory.mktemp("models") / f"tiny-{request.param}"
    theirs = saved(request.param, folder)
    model = AdaptedSource(str(folder), "cpu", adapter=Adapter.hugging_face)
    return Pair(theirs, folder, pickle.loads(pickle.dumps(model)).load(), request.param == "sam2")


def saved(kind: str, folder: Path, seed: int = 0) -> Any:
    """A model all of whose weights are random, in a folder."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        if kind == "sam":
            model = transformers.SamModel(sam_config())
        else:
            model = transformers.Sam2Model(sam2_config())
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape)
        frequencies = model.shared_image_embedding.positional_embedding
        frequencies.copy_(torch.randn(frequencies.shape))
    model.save_pretrained(folder)
    return model.eval()


XY = np.array([[[20.5, 30], [70, 11]], [[45, 50], [3, 4]]])
LABELS = np.array([[1, 0], [1, 1]])
BOXES = np.array([[12, 9, 70.5, 48], [30, 20, 89, 59]])
ASKED = {
    "single points": Prompts.of_points(XY[:, :1]),
    "points": Prompts.of_points(XY, LABELS),
    "boxes": Prompts.of_boxes(BOXES),
    "boxes and points": Prompts.of_boxes(BOXES).with_points(XY, LABELS),
}


def asked_directly(pair: Pair, case: str) -> dict[str, Any]:
    """A case in the words of transformers: one image, P prompts about it."""
    count = 1 if case == "single points" else 2
    asked: dict[str, Any] = {}
    if "points" in case:
        asked["input_points"] = pair.scaled(XY)[None, :, :count]
        asked["input_labels"] = torch.from_numpy(LABELS)[None, :, :count]
    if "boxes" in case:
        asked["input_boxes"] = pair.scaled(BOXES.reshape(2, 2, 2)).reshape(1, 2, 4)
    return asked


def same(masks: Any, expected: tuple[Tensor, Tensor]) -> None:
    logits, iou = expected
    assert logits.std() > 0.05
    np.testing.assert_allclose(masks.logits, logits, atol=1e-4)
    np.testing.assert_allclose(masks.predicted_iou, iou, atol=1e-4)


@pytest.mark.parametrize("multimask_output", [True, False])
@pytest.mark.parametrize("case", ASKED)
def test_answers_are_those_of_a_direct_call(pair: Pair, case: str, multimask_output: bool) -> None:
    expected = pair.direct(multimask_output, **asked_directly(pair, case))
    masks = pair.sam.predict(pair.sam.encode(PICTURE), ASKED[case], multimask_output)
    same(masks, expected)


@pytest.mark.parametrize("case", ["single points", "boxes and points"])
def test_each_prompt_may_have_a_mask_of_its_own(pair: Pair, case: str) -> None:
    masks = pair.sam.predict(pair.sam.encode(PICTURE), ASKED[case].with_masks(ROUGH), False)
    asked = asked_directly(pair, case)
    for row in range(2):  # a direct call takes one mask for all prompts of an image
        alone = {name: tensor[:, row : row + 1] for name, tensor in asked.items()}
        rough = torch.from_numpy(ROUGH[row])[None, None]
        same(masks[row], pair.direct(False, **alone, input_masks=rough))


def test_a_mask_alone_is_understood(pair: Pair) -> None:
    masks = pair.sam.predict(pair.sam.encode(PICTURE), Prompts.of_masks(ROUGH), False)
    for row in range(2):
        rough = torch.from_numpy(ROUGH[row])[None, None]
        same(masks[row], pair.direct(False, input_masks=rough))


def test_points_and_boxes_together_are_answered_as_each_alone(pair: Pair) -> None:
    embedding = pair.sam.encode(PICTURE)
    together = pair.sam.predict(embedding, Prompts.join(list(ASKED.values())), False)
    alone = [pair.sam.predict(embedding, prompts, False).logits for prompts in ASKED.values()]
    np.testing.assert_allclose(together.logits, np.concatenate(alone), atol=1e-5)


def processor(pair: Pair) -> Any:
    """The one that comes with the model; that of SAM 2 needs torchvision."""
    if pair.stretch:
        if importlib.util.find_spec("torchvision") is None:
            pytest.skip("the processor of SAM 2 needs torchvision")
        square = {"height": IMAGE_PX, "width": IMAGE_PX}
        return transformers.Sam2Processor(transformers.Sam2ImageProcessor(size=square))
    pil = transformers.models.sam.image_processing_pil_sam.SamImageProcessorPil
    square = {"height": IMAGE_PX, "width": IMAGE_PX}
    return transformers.SamProcessor(pil(size={"longest_edge": IMAGE_PX}, pad_size=square))


@torch.no_grad()
def test_points_end_to_end_give_the_masks_of_model_and_processor(pair: Pair) -> None:
    reader = processor(pair)
    asked = reader(
        images=PICTURE,
        input_points=XY[None, :, :1].tolist(),
        input_labels=[[[1], [1]]],
        return_tensors="pt",
    )
    sizes = [
        asked.pop(name) for name in ("original_sizes", "reshaped_input_sizes") if name in asked
    ]
    out = pair.theirs(**{k: v.float() if v.is_floating_point() else v for k, v in asked.items()})
    full = reader.post_process_masks(out.pred_masks, *sizes)[0].numpy()
    best = out.iou_scores[0].argmax(dim=1).numpy()
    masks = pair.sam.predict(pair.sam.encode(PICTURE), ASKED["single points"])
    found = masks.best().to_bool()[:, 0]
    assert found.shape == (2, 60, 90)
    # Transformers enlarges SAM 2's masks in one step, ours in two.
    assert (found != full[np.arange(2), best]).mean() < (2e-2 if pair.stretch else 5e-3)


def test_the_embedding_names_its_weights_and_how_the_image_lies_in_it(pair: Pair) -> None:
    embedding = pair.sam.encode(PICTURE)
    features = pair.theirs.get_image_embeddings(pair.pixels())
    expected = features if pair.stretch else [features]
    assert len(embedding.arrays) == len(expected)
    for array, level in zip(embedding.arrays.values(), expected):
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, level[0], atol=1e-4)
    assert embedding.model.startswith(f"huggingface:{pair.folder.name}@")
    assert embedding.resize_map.stretch == pair.stretch
    assert embedding.resize_map.content_hw == pair.content_hw


def test_the_embedding_of_other_weights_is_refused(pair: Pair, tmp_path: Path) -> None:
    saved(pair.folder.name.removeprefix("tiny-"), tmp_path / "other", seed=1)
    other = AdaptedSource(str(tmp_path / "other"), "cpu", adapter=Adapter.hugging_face).load()
    with pytest.raises(EmbeddingError, match="other@"):
        pair.sam.predict(other.encode(PICTURE), Prompts.point(1, 1))


def load(weights: str) -> Any:
    return AdaptedSource(weights, "cpu", offline=True, adapter=Adapter.hugging_face).load()


def test_the_mean_is_the_processors(tmp_path: Path) -> None:
    saved("sam", tmp_path)
    said = {"image_processor": {"image_mean": [0.5, 0.5, 0.5], "image_std": [1, 1, 1]}}
    (tmp_path / "processor_config.json").write_text(json.dumps(said))
    assert load(str(tmp_path)).pixel_mean.tolist() == [127.5] * 3


def test_sam2_is_found_in_its_video_model(tmp_path: Path) -> None:
    saved("sam2", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"model_type": "sam2_video"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load(str(tmp_path)).stretch


def test_what_is_no_sam_of_transformers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="safetensors"):
        load(str(tmp_path))
    saved("sam", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "clip"}))
    with pytest.raises(LayoutError, match="clip"):
        load(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "sam2"}))
    with pytest.raises(LayoutError):
        load(str(tmp_path))


def test_offline_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OfflineError, match="sam-vit-nowhere"):
        load("anymask/sam-vit-nowhere")
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    with pytest.raises(OfflineError):
        AdaptedSource("anymask/sam-vit-nowhere", "cpu", adapter=Adapter.hugging_face).load()
    with pytest.raises(UnknownWeightsError, match="no folder"):
        load("no/such/folder")
