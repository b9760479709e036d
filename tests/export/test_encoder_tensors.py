"""What browsers multiply by is the encoder's weights, norms and scales included."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor

from anymask.export.encoder_tensors import (
    can_be_multiplied,
    encoder_tensors,
    write_encoder_tensors,
)
from anymask.export.kernel_weights import packed
from anymask.models.tiny_vit import TINY_VIT_5M, Attention, Mlp, TinyViT, TinyViTConfig

CONFIG = TinyViTConfig((16, 16, 24, 40), (1, 1, 2, 1), (2, 2, 3, 5), image_px=256, out_channels=64)


@pytest.fixture(scope="module")
def encoder() -> TinyViT:
    """A random one, folded."""
    torch.manual_seed(0)
    encoder = TinyViT(CONFIG).eval().requires_grad_(False)
    for parameter in encoder.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape))
    encoder.fold_batch_norms()
    return encoder


def unpacked(weight: Tensor) -> Tensor:
    """Panels (n / 8, k, 8) back to (n, k)."""
    return weight.mT.flatten(0, 1)


def test_columns_are_packed_in_panels_of_eight() -> None:
    weight = torch.arange(16 * 3.0).reshape(16, 3)
    panels = packed(weight)
    assert panels.shape == (2, 3, 8)
    assert panels[1, 2, 5] == weight[13, 2]
    assert torch.equal(unpacked(panels), weight)


def test_norms_and_scales_are_in_the_weights_after_them(encoder: TinyViT) -> None:
    tensors, name = encoder_tensors(encoder), "layers.2.blocks.1"
    block = encoder.get_submodule(name)
    attention, mlp = block.attn, block.mlp
    assert isinstance(attention, Attention)
    assert isinstance(mlp, Mlp)
    x = torch.randn(5, 24)
    plain = F.layer_norm(x, (24,))

    def product(layer: str) -> Tensor:
        weight, bias = tensors[f"{name}.{layer}.weight"], tensors[f"{name}.{layer}.bias"]
        return plain @ unpacked(weight).T + bias

    scale = torch.tensor([8**-0.5, 1, 1]).repeat_interleave(8).repeat(3)
    expected = attention.qkv(attention.norm(x)) * scale
    torch.testing.assert_close(product("attn.qkv"), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        tensors[f"{name}.attn.fill"], attention.qkv(attention.norm.bias) * scale
    )
    torch.testing.assert_close(product("mlp.fc1"), mlp.fc1(mlp.norm(x)), atol=1e-5, rtol=1e-5)


def test_convolutions_are_products_of_windows(encoder: TinyViT) -> None:
    tensors = encoder_tensors(encoder)
    first = encoder.get_submodule("patch_embed.seq.0.c")
    assert isinstance(first, torch.nn.Conv2d)
    window = torch.randn(1, 3, 3, 3)
    weight = unpacked(tensors["patch_embed.seq.0.weight"])
    assert weight.shape == (8, 28)  # 27, and a row of zeros: strips are read by fours
    rows = F.pad(window.permute(0, 2, 3, 1).flatten(1), (0, 1))
    expected = F.conv2d(window, first.weight, first.bias)[:, :, 0, 0]
    torch.testing.assert_close(rows @ weight.T + tensors["patch_embed.seq.0.bias"], expected)
    name = "layers.0.blocks.0.conv2"
    depthwise = encoder.get_parameter(f"{name}.c.weight")
    assert torch.equal(tensors[f"{name}.weight"][5], depthwise[:, 0, 1, 2])


def test_the_file_says_what_it_is_of_and_keeps_large_tensors_small(
    encoder: TinyViT, tmp_path: Path
) -> None:
    write_encoder_tensors(encoder, tmp_path / "half", "float16")
    write_encoder_tensors(encoder, tmp_path / "whole", "float32")
    with safe_open(tmp_path / "half", "pt") as half, safe_open(tmp_path / "whole", "pt") as whole:
        assert json.loads(half.metadata()["tiny_vit"]) == json.loads(json.dumps(asdict(CONFIG)))
        assert {whole.get_tensor(name).dtype for name in encoder_tensors(encoder)} == {
            torch.float32
        }
        assert half.get_tensor("layers.2.blocks.0.mlp.fc1.weight").dtype == torch.float16
        assert half.get_tensor("layers.2.blocks.0.mlp.fc1.bias").dtype == torch.float32


@pytest.mark.parametrize(
    "other",
    [
        replace(CONFIG, widths=(24, 24, 24, 40)),
        replace(CONFIG, widths=(16, 20, 24, 40)),
        replace(CONFIG, heads=(2, 8, 3, 5)),
        replace(CONFIG, image_px=96),
    ],
)
def test_other_shapes_are_left_to_the_graph(other: TinyViTConfig) -> None:
    assert can_be_multiplied(TINY_VIT_5M)
    assert can_be_multiplied(CONFIG)
    assert not can_be_multiplied(other)
