"""What browsers upscale by is the decoder's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from anymask.export.upscaling_tensors import (
    can_be_upscaled,
    upscaling_tensors,
    write_upscaling_tensors,
)
from anymask.models.mask_decoder import MaskDecoder, MaskDecoderConfig

CONFIG = MaskDecoderConfig(width=64, mlp_hidden=32, iou_head_hidden=32)


@pytest.fixture
def decoder() -> MaskDecoder:
    """A random one."""
    torch.manual_seed(0)
    return MaskDecoder(CONFIG).eval().requires_grad_(False)


def test_columns_are_packed_in_strips_of_four(decoder: MaskDecoder) -> None:
    tensors = upscaling_tensors(decoder)
    second = decoder.upscaling_layers()[2]
    assert tensors["weight"].shape == (8, 16, 4)
    # Channel 6 of the pixel below the first is column 2 · 8 + 6, the third of strip 5.
    assert torch.equal(tensors["weight"][5, :, 2], second.weight[:, 6, 1, 0])
    assert second.bias is not None
    assert torch.equal(tensors["bias"], second.bias)


def test_the_file_says_what_it_is(decoder: MaskDecoder, tmp_path: Path) -> None:
    write_upscaling_tensors(decoder, tmp_path / "file")
    with safe_open(tmp_path / "file", "pt") as file:
        assert json.loads(file.metadata()["upscaling"]) == {"eps": 1e-6}
        for name, tensor in upscaling_tensors(decoder).items():
            assert torch.equal(file.get_tensor(name), tensor)


@pytest.mark.parametrize("other", [replace(CONFIG, mask_tokens=3), replace(CONFIG, width=48)])
def test_other_shapes_are_left_to_the_graph(other: MaskDecoderConfig) -> None:
    assert can_be_upscaled(MaskDecoderConfig(), 64)
    assert can_be_upscaled(CONFIG, 8)
    assert not can_be_upscaled(CONFIG, 6)
    assert not can_be_upscaled(other, 8)
