"""Dropout of the mask decoder: what it zeroes in training, and that inference knows nothing of it.

Shape legend: P prompts, T tokens, L image positions, C channels.
"""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from anymask.models.layers import dropout
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.models.two_way import (
    ImageToTokenAttention,
    Projections,
    SelfAttention,
    TokenToImageAttention,
    TwoWayAttentionBlock,
    TwoWayTransformer,
)
from tests.conftest import TINY, random_model

RATE = 0.1
WIDTH, TOKENS, POSITIONS, PROMPTS = 16, 7, 25, 40


def transformer(rate: float = RATE) -> TwoWayTransformer:
    """A random transformer of two blocks, in training mode."""
    torch.manual_seed(0)
    model = TwoWayTransformer(2, WIDTH, 2, 32).train()
    model.set_dropout(rate)
    return model


def answer(model: TwoWayTransformer, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Tokens and image after the transformer; ``seed`` decides what is dropped."""
    chance = torch.Generator().manual_seed(2)
    prompt = torch.randn(PROMPTS, TOKENS, WIDTH, generator=chance)
    image = torch.randn(PROMPTS, POSITIONS, WIDTH, generator=chance)
    positions = model.positions(torch.randn(POSITIONS, WIDTH, generator=chance))
    torch.manual_seed(seed)
    out: tuple[Tensor, Tensor] = model(
        prompt, image, positions, torch.zeros(PROMPTS, TOKENS, dtype=torch.bool)
    )
    return out


def assert_share_of_zeros(x: Tensor, rate: float) -> None:
    """The zeros among the numbers are as many as independent coins would give."""
    zeros = int((x == 0).sum())
    assert stats.binomtest(zeros, x.numel(), rate).pvalue > 1e-4


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_share_of_zeros_is_the_rate_and_the_mean_stays(rate: float) -> None:
    torch.manual_seed(0)
    x = torch.rand(100, 1000) + 0.5
    out = dropout(x, rate, training=True)
    assert_share_of_zeros(out, rate)
    kept = out != 0
    torch.testing.assert_close(out[kept], x[kept] / (1 - rate))


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.5, False)])
def test_without_a_rate_or_training_no_random_number_is_drawn(rate: float, training: bool) -> None:
    x, before = torch.randn(3, 4), torch.get_rng_state()
    assert dropout(x, rate, training) is x
    assert torch.equal(torch.get_rng_state(), before)


def test_every_attention_and_every_mlp_drops_numbers_of_what_it_gives() -> None:
    """What is about to be added is caught where it is: behind the modules, before the norms."""
    model = transformer()
    given: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if isinstance(module, (SelfAttention, TokenToImageAttention)):
            module.register_forward_hook(lambda _, __, out, name=name: given.update({name: out}))
        if isinstance(module, ImageToTokenAttention):
            module.register_forward_hook(
                lambda _, inputs, out, name=name: given.update({name: out - inputs[0]})
            )
    with torch.no_grad():
        answer(model)
    assert len(given) == 2 * 3 + 1
    for numbers in given.values():
        assert_share_of_zeros(numbers, RATE)
    tokens = torch.randn(PROMPTS, TOKENS, WIDTH)
    block = model.layers[1]
    assert isinstance(block, TwoWayAttentionBlock)
    seen: list[Tensor] = []
    block.norm2 = nn.Identity()  # type: ignore[assignment]
    block.norm3.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        block.digest(tokens, torch.zeros_like(tokens))
    assert_share_of_zeros(seen[0] - tokens, RATE)


def test_what_is_dropped_depends_on_the_seed_alone() -> None:
    model = transformer()
    with torch.no_grad():
        once, again, other = (answer(model, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(once, again))
    assert not any(torch.equal(a, b) for a, b in zip(once, other))


@torch.no_grad()
def test_evaluation_gives_the_numbers_of_a_model_without_dropout() -> None:
    with_dropout, without = transformer().eval(), transformer(0.0).eval()
    for one, other in zip(answer(with_dropout), answer(without)):
        assert torch.equal(one, other)
    assert with_dropout.state_dict().keys() == without.state_dict().keys()


@torch.no_grad()
def test_training_at_rate_zero_gives_the_numbers_of_evaluation() -> None:
    for one, other in zip(answer(transformer(0.0)), answer(transformer(0.0).eval())):
        assert torch.equal(one, other)


@torch.no_grad()
def test_a_whole_sam_answers_as_before_once_it_no_longer_learns() -> None:
    def asked(model: Sam) -> tuple[Tensor, Tensor]:
        prompts = PromptBatch(
            torch.tensor([[[30.0, 40.0]]]), torch.ones(1, 1, dtype=torch.int64), torch.tensor([0])
        )
        chance = torch.Generator().manual_seed(0)
        return model.decode(torch.randn(1, 64, 8, 8, generator=chance), prompts)

    model = random_model(TINY)
    model.mask_decoder.set_dropout(RATE)
    for one, other in zip(asked(model), asked(random_model(TINY))):
        assert torch.equal(one, other)
    assert not torch.equal(asked(model.train())[0], asked(random_model(TINY))[0])


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rates_that_keep_nothing_or_more_than_all_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="below 1"):
        transformer(rate)


def test_the_rate_reaches_every_attention() -> None:
    rates = [m.dropout for m in transformer().modules() if isinstance(m, Projections)]
    assert rates == [RATE] * 7
