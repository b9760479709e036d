"""Products in bfloat16 between numbers in float32."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.half_products import (
    HALF,
    ISA_VARIABLES,
    HalfConv,
    HalfLinear,
    SwitchedLinear,
    processor_multiplies_half,
)
from anymask.models.sam import Sam, SamConfig
from anymask.models.tiny_vit import TinyViT
from tests.models.test_few_rows import decoded, model, prompts
from tests.models.test_sam import DECODER, SMALL_TINY_VIT


def test_a_hand_worked_product() -> None:
    # 1 + 1/256 is no bfloat16, and halfway: it rounds to the even 1. 3 · 1 + 0.5 · 2 - 1 = 3.
    layer = HalfLinear.of(torch.tensor([[3.0, 0.5]]), torch.tensor([-1.0]))
    out = layer(torch.tensor([[1 + 1 / 256, 2.0]]))
    assert out.dtype == HALF
    assert out.tolist() == [[3.0]]
    # 257 in float32; 8 bits are left of it, and 256 is even.
    assert (
        HalfLinear.of(torch.tensor([[1.0, 1.0]]), None)(torch.tensor([[256.0, 1.0]])).item() == 256
    )


@pytest.mark.parametrize("activation", ["none", "gelu"])
def test_layers_are_their_rounded_twins(activation: str) -> None:
    torch.manual_seed(0)
    after: Callable[[Tensor], Tensor] = F.gelu if activation == "gelu" else lambda x: x
    x, linear = torch.randn(5, 16), SwitchedLinear(16, 8).requires_grad_(False)
    plain = linear(x, activation)
    linear.round_products(True)
    rounded = linear(x, activation)
    torch.testing.assert_close(rounded.float(), plain, atol=0.03, rtol=0.02)
    exact = F.linear(
        x.to(HALF).float(), linear.weight.to(HALF).float(), linear.bias.to(HALF).float()
    )
    torch.testing.assert_close(rounded.float(), after(exact), atol=1e-2, rtol=8e-3)
    linear.round_products(False)
    assert torch.equal(linear(x, activation), plain)

    image, conv = torch.randn(1, 4, 9, 9), nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=2)
    image, conv = image.to(memory_format=torch.channels_last), conv.requires_grad_(False)
    exact = F.conv2d(
        image.to(HALF).float(),
        conv.weight.to(HALF).float(),
        None if conv.bias is None else conv.bias.to(HALF).float(),
        2,
        1,
        groups=2,
    )
    out = HalfConv.of(conv)(image, activation).float()
    torch.testing.assert_close(out, after(exact), atol=1e-2, rtol=8e-3)


def test_an_encoder_of_rounded_products_is_near_and_goes_back_bit_for_bit() -> None:
    torch.manual_seed(0)
    encoder = Sam(SamConfig(SMALL_TINY_VIT, DECODER)).requires_grad_(False).eval().image_encoder
    assert isinstance(encoder, TinyViT)
    encoder.fold_batch_norms()
    image = torch.randn(1, 3, 256, 256)
    plain = encoder(image)
    encoder.round_products()
    rounded = encoder(image)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, plain)
    assert (rounded - plain).square().mean() < 1e-3 * plain.square().mean()
    encoder.round_products(False)
    assert torch.equal(encoder(image), plain)


@pytest.mark.parametrize("few_rows", [False, True])
def test_an_upscaling_of_rounded_products_is_near_and_goes_back_bit_for_bit(few_rows: bool) -> None:
    sam = model()
    tokens, image = decoded(sam, few_rows, prompts())
    plain = sam.mask_decoder.masks(tokens, image)
    sam.mask_decoder.round_products()
    rounded = sam.mask_decoder.masks(tokens, image)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, plain)
    assert (rounded - plain).square().mean() < 1e-3 * plain.square().mean()
    sam.mask_decoder.round_products(False)
    assert torch.equal(sam.mask_decoder.masks(tokens, image), plain)


def test_the_environment_may_keep_a_processor_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ISA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert processor_multiplies_half()
    for isa, can in (("AVX512_CORE", False), ("avx512_core_bf16", True), ("AVX2", False)):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
        assert processor_multiplies_half() == can
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert not processor_multiplies_half()
