"""What kernels compute from a decoder's file alone is what the model answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from anymask.export.decoder_tensors import write_decoder_tensors
from anymask.export.kernel_decoder import KernelDecoder
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from tests.conftest import TINY

DECODER = MaskDecoderConfig(width=128, heads=8, mlp_hidden=32, iou_head_hidden=128)
# A click, two and a slot that is empty, a box, a box and a click that is not meant, nothing.
LABELS = ([1], [1, 0, -1], [2, 3], [0, 2, 3], [-1])
Maker = Callable[[int | None], tuple[Sam, Path]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A model whose norms and biases are nothing special, with a second look or not; its file."""

    def make(ranking: int | None) -> tuple[Sam, Path]:
        torch.manual_seed(1)
        sam = Sam(replace(TINY, decoder=replace(DECODER, ranking=ranking))).eval()
        sam.requires_grad_(False)
        for parameter in sam.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
        if sam.mask_decoder.ranking is not None:
            torch.nn.init.normal_(sam.mask_decoder.ranking.correction.weight)
        path = tmp_path_factory.mktemp("file") / "decoder.safetensors"
        write_decoder_tensors(sam, path, "float32")
        return sam, path

    return make


def expected(
    sam: Sam, features: Tensor, coords: Tensor, labels: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The model's answer to one prompt."""
    masks = None if mask is None else mask[None, None]
    first = torch.zeros(1, dtype=torch.int64)
    batch = PromptBatch(coords[None], labels[None], first, masks)
    logits, iou = sam.decode(features[None], batch)
    return logits[0], iou[0]


@pytest.mark.parametrize("with_mask", [False, True])
@pytest.mark.parametrize("ranking", [None, 8])
def test_kernels_answer_as_the_model_does(
    made: Maker, ranking: int | None, with_mask: bool
) -> None:
    sam, path = made(ranking)
    decoder, features = KernelDecoder(path), torch.randn(128, 8, 8)
    mask = 5 * torch.randn(32, 32) if with_mask else None
    image = decoder.prepare(features)
    if mask is not None:
        image = decoder.with_mask(image, mask)
    for given in LABELS:
        labels = torch.tensor(given)
        coords = 128 * torch.rand(len(given), 2)
        lone = given == [1] and mask is None
        logits, iou = decoder.answer(image, coords, labels, lone)
        masks, scores = expected(sam, features, coords, labels, mask)
        torch.testing.assert_close(logits, masks, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(iou, scores, atol=1e-4, rtol=1e-3)


def test_only_lone_clicks_are_looked_at_twice(made: Maker) -> None:
    _, path = made(8)
    decoder = KernelDecoder(path)
    image = decoder.prepare(torch.randn(128, 8, 8))
    click = torch.tensor([[40.0, 70.0]]), torch.tensor([1])
    (masks, looked), (same, first) = (decoder.answer(image, *click, lone) for lone in (True, False))
    assert torch.equal(masks, same)
    assert looked[0] == first[0]  # the mask for clear prompts keeps its IoU
    assert (looked[1:] != first[1:]).all()


def test_an_empty_slot_changes_nothing(made: Maker) -> None:
    _, path = made(None)
    decoder = KernelDecoder(path)
    image = decoder.prepare(torch.randn(128, 8, 8))
    alone = decoder.answer(image, torch.tensor([[40.0, 70.0]]), torch.tensor([1]), True)
    padded = torch.tensor([[0.0, 0.0], [40.0, 70.0]]), torch.tensor([-1, 1])
    for one, other in zip(alone, decoder.answer(image, *padded, True)):
        assert torch.equal(one, other)


def test_smaller_numbers_give_nearly_the_same(made: Maker, tmp_path: Path) -> None:
    sam, path = made(8)
    write_decoder_tensors(sam, tmp_path / "half", "float16")
    features, click = torch.randn(128, 8, 8), (torch.tensor([[40.0, 70.0]]), torch.tensor([1]))
    answers = []
    for file in (path, tmp_path / "half"):
        decoder = KernelDecoder(file)
        answers.append(decoder.answer(decoder.prepare(features), *click, True))
    (masks, iou), (rough_masks, rough_iou) = answers
    assert not torch.equal(masks, rough_masks)
    assert (masks - rough_masks).abs().max() < 0.01 * masks.std()
    assert (iou - rough_iou).abs().max() < 0.01
