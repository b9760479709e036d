"""LoRA on an encoder: where it starts, what of it learns, what is left when it is folded in.

Shape legend: B images, S side of the model's input.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from anymask.errors import Error
from anymask.models.sam import Sam
from anymask.models.tiny_vit import TinyViTConfig
from anymask.training.sam.lora import add_lora, merge_lora, merged_state
from tests.conftest import TINY, random_model

TINY_VIT = TinyViTConfig(
    widths=(8, 16, 24, 32), depths=(1, 1, 2, 1), heads=(1, 2, 3, 4), image_px=128, out_channels=64
)
CONFIGS = {"vit": TINY, "tiny-vit": replace(TINY, encoder=TINY_VIT)}


@pytest.fixture(params=list(CONFIGS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of encoder."""
    return str(request.param)


@pytest.fixture
def model(kind: str) -> Sam:
    """A random model with it."""
    return random_model(CONFIGS[kind])


def image() -> Tensor:
    """Two pictures of noise."""
    return torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))


def loss(encoder: nn.Module) -> Tensor:
    """One that no norm at the end makes constant."""
    out: Tensor = encoder(image())
    return (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(2))).mean()


def learn(encoder: nn.Module, parameters: list[nn.Parameter]) -> None:
    """Two steps, after which both factors of every layer have moved."""
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    for _ in range(2):
        optimizer.zero_grad()
        torch.autograd.backward(loss(encoder))
        optimizer.step()


@torch.no_grad()
def test_it_starts_as_the_encoder_was(model: Sam) -> None:
    before = model.image_encoder(image())
    add_lora(model.image_encoder, rank=4, alpha=8.0)
    assert torch.equal(model.image_encoder(image()), before)


def test_a_layers_two_factors_have_the_rank(model: Sam, kind: str) -> None:
    widths = {"vit": [32, 32], "tiny-vit": [16, 24, 24, 32]}[kind]
    parameters = add_lora(model.image_encoder, rank=4, alpha=8.0)
    expected = [shape for width in widths for shape in ((4, width), (3 * width, 4))]
    assert [tuple(parameter.shape) for parameter in parameters] == expected
    assert all((parameter != 0).any() for parameter in parameters[::2])  # A
    assert not any(parameter.any() for parameter in parameters[1::2])  # B


def test_alpha_over_rank_scales_it() -> None:
    model = random_model(TINY)
    layer = model.get_submodule("image_encoder.blocks.0.attn.qkv")
    assert isinstance(layer, nn.Linear)
    before = layer.weight.detach().clone()
    a, b, *_ = add_lora(model.image_encoder, rank=4, alpha=6.0)
    with torch.no_grad():
        b.normal_()
        torch.testing.assert_close(layer.weight - before, 1.5 * b @ a)


def test_only_its_parameters_learn(model: Sam) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    parameters = add_lora(model.image_encoder, rank=4, alpha=8.0)
    trainable = [p for p in model.image_encoder.parameters() if p.requires_grad]
    assert set(map(id, trainable)) == set(map(id, parameters))
    assert all(p.requires_grad for p in model.mask_decoder.parameters())
    learn(model.image_encoder, parameters)
    for name, value in model.state_dict().items():
        moved = name.endswith((".weight.0.a", ".weight.0.b"))
        plain = name.replace("parametrizations.weight.original", "weight")
        assert moved or torch.equal(value, before[plain]), name
    assert all((parameter != 0).any() for parameter in parameters)


def test_merged_it_answers_the_same_under_the_plain_names(model: Sam) -> None:
    names, untouched = set(model.state_dict()), copy.deepcopy(model)
    encoder = model.image_encoder
    learn(encoder, add_lora(encoder, rank=4, alpha=8.0))
    with torch.no_grad():
        live = encoder(image())
        merge_lora(encoder)
        torch.testing.assert_close(encoder(image()), live, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(live, untouched.image_encoder(image()), atol=1e-3)
    assert set(model.state_dict()) == names
    assert {type(m) for m in model.modules()} == {type(m) for m in untouched.modules()}
    merge_lora(encoder)  # nothing left to merge
    add_lora(encoder, rank=2, alpha=1.0)


def test_the_merged_state_is_a_plain_models_and_training_goes_on(model: Sam, kind: str) -> None:
    encoder = model.image_encoder
    parameters = add_lora(encoder, rank=4, alpha=8.0)
    learn(encoder, parameters)
    names, live = list(model.state_dict()), encoder(image())
    state = merged_state(model)
    plain = Sam(CONFIGS[kind]).eval()
    plain.load_state_dict(state, strict=True)
    torch.testing.assert_close(plain.image_encoder(image()), live, atol=1e-5, rtol=1e-5)
    assert list(model.state_dict()) == names
    assert not any(value.requires_grad for value in state.values())
    learn(encoder, parameters)
    assert not torch.equal(encoder(image()), live)


def test_the_merged_state_of_a_plain_model_is_its_state(model: Sam) -> None:
    state, merged = model.state_dict(), merged_state(model)
    assert list(merged) == list(state)
    assert all(torch.equal(merged[name], state[name]) for name in state)


def test_it_learns_the_same_with_checkpointing(kind: str) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = random_model(CONFIGS[kind])
        encoder = model.image_encoder.train()
        torch.manual_seed(0)
        parameters = add_lora(encoder, rank=4, alpha=8.0)
        encoder.checkpointing = checkpointing
        learn(encoder, parameters)
        gradients.append([parameter.grad for parameter in parameters])
    assert all(gradient is not None and gradient.any() for gradient in gradients[0])
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-8, rtol=1e-4)


@pytest.mark.parametrize("rank", [0, -3])
def test_a_rank_below_one_is_refused(model: Sam, rank: int) -> None:
    with pytest.raises(Error, match=f"at least 1, not {rank}"):
        add_lora(model.image_encoder, rank, alpha=1.0)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_an_encoder_without_such_layers_or_with_lora_already_is_refused(model: Sam) -> None:
    with pytest.raises(Error, match="no qkv layers in MaskDecoder"):
        add_lora(model.mask_decoder, 4, alpha=1.0)
    add_lora(model.image_encoder, 4, alpha=1.0)
    with pytest.raises(Error, match="already"):
        add_lora(model.image_encoder, 4, alpha=1.0)
