"""Prompts about an image whose side is a sum of a few rows get what the plain decoder answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from anymask.models.few_rows import positions as of_positions
from anymask.models.few_rows.two_way import MOST_TOKENS, PreparedImage, ToldImage
from anymask.models.mask_decoder import BESIDE, SAMPLE, MaskDecoderConfig, PromptedImage
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from tests.conftest import TINY

SIDE = 8


def model(depth: int = 2) -> Sam:
    """A small one whose norms and biases are nothing special, unlike those of a new one."""
    torch.manual_seed(depth)
    sam = Sam(replace(TINY, decoder=MaskDecoderConfig(depth=depth, width=64, mlp_hidden=32)))
    for parameter in sam.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter) if parameter.ndim == 1 else 0
    return sam.requires_grad_(False).eval()


def prompts(points: int = 2) -> PromptBatch:
    """A click, as many as there is room for, and a box: the rest is absent."""
    torch.manual_seed(points)
    labels = torch.full((3, points), -1)
    labels[0, 0], labels[1], labels[2, :2] = 1, 1, torch.tensor([2, 3])
    return PromptBatch(128 * torch.rand(3, points, 2), labels, torch.zeros(3, dtype=torch.int64))


def shared(sam: Sam, few_rows: bool) -> PromptedImage:
    """One image, prepared in one of the two ways."""
    sam.mask_decoder.few_rows = few_rows
    features = torch.randn(1, 64, SIDE, SIDE, generator=torch.Generator().manual_seed(7))
    no_mask = sam.prompt_encoder.no_mask_embed.weight[:, :, None, None]
    return sam.mask_decoder.share(features, no_mask, sam.positions())


def decoded(sam: Sam, few_rows: bool, batch: PromptBatch) -> tuple[Tensor, Tensor | ToldImage]:
    """Tokens and the image, as the transformer leaves them."""
    embedded = sam.prompt_encoder(batch)
    return sam.mask_decoder.attend(shared(sam, few_rows), embedded, sam.positions())


def assert_equal(few: Tensor, plain: Tensor) -> None:
    torch.testing.assert_close(few, plain, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(("band_positions", "block"), [(0, 1), (10, 2 * SIDE * SIDE), (0, 6000)])
def test_answers_are_those_of_the_plain_decoder(
    depth: int, band_positions: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_positions, "BLOCK", block)  # one prompt at a time, two, all
    sam = model(depth)
    plain, image = decoded(sam, False, prompts())
    few, sums = decoded(sam, True, prompts())
    assert isinstance(image, Tensor)
    assert isinstance(sums, ToldImage)
    assert len(sums) == len(image) == 3
    assert_equal(few, plain)
    expected = sam.mask_decoder.masks(plain, image)
    sam.mask_decoder.band_positions = band_positions
    assert_equal(sam.mask_decoder.masks(few, sums), expected)
    which = torch.tensor([2, 0])
    assert_equal(sam.mask_decoder.masks(few[which], sums[which]), expected[which])


def test_some_positions_stand_for_others() -> None:
    sam = model()
    index, weight = torch.arange(0, SIDE * SIDE, 2), torch.randn(SIDE * SIDE // 2)
    embedded, where = sam.prompt_encoder(prompts()), sam.positions().some(index, weight)
    few, plain = (
        sam.mask_decoder.attend(shared(sam, few_rows).some(index), embedded, where)
        for few_rows in (True, False)
    )
    assert_equal(few[0], plain[0])
    logits = (sam.mask_decoder.position_logits(*answer) for answer in (few, plain))
    assert_equal(*logits)


def test_prompts_of_many_tokens_go_the_plain_way() -> None:
    sam, many = model(), prompts(MOST_TOKENS)
    plain, image = decoded(sam, False, many)
    few, same = decoded(sam, True, many)
    assert isinstance(shared(sam, True), PreparedImage)
    assert isinstance(same, Tensor)
    torch.testing.assert_close(few, plain, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(same, image, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("content", [(5, 8), (8, 3)])
def test_what_nobody_looks_at_is_left_out(content: tuple[int, int]) -> None:
    sam = model()
    tokens, sums = decoded(sam, True, prompts())
    whole = sam.mask_decoder.masks(tokens, sums)
    part = sam.mask_decoder.masks(tokens, sums, content=content)
    h, w = (4 * side for side in content)
    assert part.shape == whole.shape
    assert_equal(part[..., :h, :w], whole[..., :h, :w])
    assert (part[..., h:, :] == BESIDE).all()
    assert (part[..., w:] == BESIDE).all()


@pytest.mark.parametrize("few_rows", [False, True])
def test_one_logit_of_each_position_and_all_of_some_are_those_of_the_whole(few_rows: bool) -> None:
    sam = model()
    tokens, image = decoded(sam, few_rows, prompts())
    decoder, index = sam.mask_decoder, torch.tensor([3, 40, 11])
    hyper = decoder.hyper(tokens)
    whole = decoder.position_logits(tokens, image).unflatten(-1, (-1, 16))
    assert_equal(decoder.samples(hyper, image), whole[..., SAMPLE])
    assert_equal(decoder.logits_at(hyper[1, 2:], image, 1, index), whole[1, 2:, index])


def test_a_first_look_may_round_what_tokens_think_about() -> None:
    sam = model()
    sam.mask_decoder.round_products()
    embedded, where = sam.prompt_encoder(prompts()), sam.positions()
    plain, hasty = (
        sam.mask_decoder.attend(shared(sam, True), embedded, where, hasty=hasty)[0]
        for hasty in (False, True)
    )
    assert torch.equal(plain, decoded(sam, True, prompts())[0])
    assert not torch.equal(hasty, plain)
    assert (hasty - plain).square().mean() < 1e-3 * plain.square().mean()
