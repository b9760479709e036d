"""``transformers.SamModel`` against ours, both ways.

Shape legend: B images, P prompts, N points, M masks, S side of the model's input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from anymask.models.sam import Sam
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.convert import to_checkpoint, write_hugging_face
from anymask.weights.load import load_checkpoint
from tests.parity.cases import KINDS, Case, Kind, make_case

transformers: Any = pytest.importorskip("transformers")

IMAGE_PX, TOLERANCE = 128, 1e-4
# Of the decoder's layer norms in the official code and in ours. Transformers has 1e-6 by default,
# which changes logits by some ten-thousandths of their spread.
DECODER_EPS = 1e-5
# Transformers takes one mask for all prompts of an image, and no prompt without points or box.
UNDERSTOOD = {
    name: kind
    for name, kind in KINDS.items()
    if (kind.points or kind.box) and not (kind.mask and kind.prompts > 1)
}


@dataclass(frozen=True)
class Twin:
    """The same weights in a ``SamModel``, in a checkpoint, and in ours."""

    theirs: Any
    checkpoint: Checkpoint
    ours: Sam


def config(width: int, depth: int) -> Any:
    """A tiny model with a decoder of that size."""
    square = {"image_size": IMAGE_PX, "patch_size": 16}
    return transformers.SamConfig(
        vision_config={
            **square,
            "hidden_size": 32,
            "output_channels": width,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "window_size": 3,
            "global_attn_indexes": [1, 3],
            "num_pos_feats": width // 2,
            "mlp_dim": 96,
        },
        prompt_encoder_config={**square, "hidden_size": width},
        mask_decoder_config={
            "hidden_size": width,
            "mlp_dim": 80,
            "num_hidden_layers": depth,
            "iou_head_hidden_dim": 48,
            "layer_norm_eps": DECODER_EPS,
        },
    )


def randomise(model: Any, spread: float) -> None:
    """All weights random, and the frequencies as wide apart as SAM's."""
    generator = torch.Generator().manual_seed(0)
    frequencies = model.shared_image_embedding.positional_embedding
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += spread * torch.randn(parameter.shape, generator=generator)
        frequencies.copy_(torch.randn(frequencies.shape, generator=generator))


# The width of every published SAM, and a narrower one with a deeper decoder.
@pytest.fixture(scope="module", params=[(256, 2), (64, 3)], ids=["width 256", "width 64"])
def twin(request: pytest.FixtureRequest) -> Twin:
    """A random ``SamModel`` and ours with its weights."""
    width, depth = request.param
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = transformers.SamModel(config(width, depth)).eval()
    randomise(theirs, spread=1.2 / width**0.5)
    state = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    checkpoint = to_checkpoint(state, "twin", "0" * 64, "a random model")
    return Twin(theirs, checkpoint, checkpoint.build_sam())


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Transformers shows a progress bar for every weight it loads."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


def images(count: int) -> Tensor:
    """Normalised pictures of noise (B, 3, S, S)."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(count, 3, IMAGE_PX, IMAGE_PX, generator=generator)


def all_masks(model: Any, pixels: Tensor, case: Case) -> tuple[Tensor, Tensor]:
    """Logits (P, 4, h, w) and IoUs (P, 4) of a ``SamModel`` for one image."""
    prompt = {
        "pixel_values": pixels,
        "input_points": None if case.coords is None else case.coords[None],
        "input_labels": None if case.labels is None else case.labels[None],
        "input_boxes": None if case.boxes is None else case.boxes[None],
        "input_masks": case.masks,
    }
    single = model(**prompt, multimask_output=False)
    several = model(**prompt, multimask_output=True)
    return (
        torch.cat([single.pred_masks, several.pred_masks], dim=2)[0],
        torch.cat([single.iou_scores, several.iou_scores], dim=2)[0],
    )


@pytest.mark.parametrize("kind", UNDERSTOOD.values(), ids=UNDERSTOOD)
@torch.no_grad()
def test_logits_and_ious_are_those_of_transformers(twin: Twin, kind: Kind) -> None:
    case = make_case(kind, IMAGE_PX)
    expected = all_masks(twin.theirs, images(1), case)
    answer = twin.ours(images(1), case.ours())
    assert expected[0].std() > 0.1
    torch.testing.assert_close(answer, expected, atol=TOLERANCE, rtol=1e-5)


@torch.no_grad()
def test_the_embedding_is_that_of_transformers(twin: Twin) -> None:
    expected = twin.theirs.get_image_embeddings(images(2))[0]
    embedding = twin.ours.image_encoder(images(2))[0]
    torch.testing.assert_close(embedding, expected, atol=TOLERANCE, rtol=0)


def test_the_config_is_read_off_the_shapes(twin: Twin) -> None:
    theirs, ours = twin.theirs.config, twin.checkpoint.sam_config
    assert ours.decoder.width == theirs.mask_decoder_config.hidden_size
    assert ours.decoder.depth == theirs.mask_decoder_config.num_hidden_layers
    assert (ours.decoder.mlp_hidden, ours.decoder.iou_head_hidden) == (80, 48)
    assert ours.encoder.image_px == IMAGE_PX
    assert twin.ours.state_dict().keys() == twin.checkpoint.state.keys()


def test_what_we_write_transformers_loads_whole(twin: Twin, tmp_path: Path) -> None:
    write_hugging_face(twin.checkpoint, tmp_path)
    model, notes = transformers.SamModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(notes.values()), notes
    expected, state = twin.theirs.state_dict(), model.state_dict()
    assert state.keys() == expected.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, expected[name]), name


@torch.no_grad()
def test_what_we_write_transformers_answers_as_we_do(twin: Twin, tmp_path: Path) -> None:
    write_hugging_face(twin.checkpoint, tmp_path)
    model = transformers.SamModel.from_pretrained(tmp_path).eval()
    case = make_case(KINDS["a box and points"], IMAGE_PX)
    logits, iou = all_masks(model, images(1), case)
    expected, expected_iou = twin.ours(images(1), case.ours())
    tolerance = 1e-3 * float(expected.std())  # the epsilons above
    torch.testing.assert_close(logits, expected, atol=tolerance, rtol=0)
    torch.testing.assert_close(iou, expected_iou, atol=1e-3, rtol=0)


def test_the_folder_that_transformers_saves_we_load(twin: Twin, tmp_path: Path) -> None:
    twin.theirs.save_pretrained(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.config == twin.checkpoint.config
    for name, tensor in checkpoint.build().state_dict().items():
        assert torch.equal(tensor, twin.checkpoint.state[name]), name
