"""MAE files: what of them starts an encoder, how it is resized, what is refused.

Shape legend: B images, C channels, h w token grid, p side of a patch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.errors import LayoutError
from anymask.models.sam import Sam, SamConfig
from anymask.models.tiny_vit import TinyViTConfig
from anymask.models.vit import ViT, ViTConfig
from anymask.weights.mae import load_mae, resize_patches, resize_positions
from tests.conftest import TINY

SIZE = ViTConfig(width=32, depth=2, heads=2, global_blocks=(0, 1), image_px=128, out_channels=64)
TINY_VIT = TinyViTConfig(widths=(8, 16, 24, 32), depths=(1, 1, 2, 1), heads=(1, 2, 3, 4))
State = dict[str, Tensor]


def mae_state(width: int = 32, depth: int = 2, grid: int = 8, patch_px: int = 16) -> State:
    """Random weights under all the names of an MAE: encoder, mask token, start of a decoder."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + grid**2, width),
        "mask_token": (1, 1, 24),
        "patch_embed.proj.weight": (width, 3, patch_px, patch_px),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
        "decoder_pos_embed": (1, 1 + grid**2, 24),
        "decoder_blocks.0.norm1.weight": (24,),
    }
    layers = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
    for i in range(depth):
        for norm in ("norm1", "norm2"):
            shapes |= {f"blocks.{i}.{norm}.{kind}": (width,) for kind in ("weight", "bias")}
        for layer, (out, into) in layers.items():
            shapes[f"blocks.{i}.{layer}.weight"] = (out * width, into * width)
            shapes[f"blocks.{i}.{layer}.bias"] = (out * width,)
    generator = torch.Generator().manual_seed(0)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def write(state: State, folder: Path) -> Path:
    """The file as the official ones are: everything under ``model``."""
    torch.save({"model": state}, folder / "mae_pretrain_vit.pth")
    return folder / "mae_pretrain_vit.pth"


def fresh(encoder: ViTConfig | TinyViTConfig = SIZE) -> Sam:
    """A model that nobody trained."""
    return Sam(replace(TINY, encoder=encoder)).eval()


def reference(state: State, image: Tensor) -> Tensor:
    """What MAE's encoder makes of an image if it has no class token, by torch's own layer."""
    kernel, bias = state["patch_embed.proj.weight"], state["patch_embed.proj.bias"]
    x = F.conv2d(image, kernel, bias, stride=16).flatten(2).mT + state["pos_embed"][:, 1:]
    theirs = {
        "norm1": "norm1",
        "attn.qkv": "self_attn.in_proj_",
        "attn.proj": "self_attn.out_proj",
        "norm2": "norm2",
        "mlp.fc1": "linear1",
        "mlp.fc2": "linear2",
    }
    for i in range(2):
        layer = nn.TransformerEncoderLayer(
            32, 2, 128, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
        ).eval()
        layer.load_state_dict({
            f"{to}.{kind}".replace("_.", "_"): state[f"blocks.{i}.{name}.{kind}"]
            for name, to in theirs.items()
            for kind in ("weight", "bias")
        })  # fmt: skip
        x = layer(x)
    return x


@torch.no_grad()
def test_the_encoder_computes_what_maes_would(tmp_path: Path) -> None:
    state, model = mae_state(), fresh()
    load_mae(write(state, tmp_path), model)
    image = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    encoder = model.image_encoder
    assert isinstance(encoder, ViT)
    x = encoder.patch_embed(image) + encoder.pos_embed
    for block in encoder.blocks:
        x = block(x)
    torch.testing.assert_close(x.flatten(1, 2), reference(state, image), atol=1e-5, rtol=1e-5)


def test_the_report_says_what_became_of_every_name(tmp_path: Path) -> None:
    model = fresh(replace(SIZE, global_blocks=(1,), window=3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = load_mae(write(mae_state(grid=5, patch_px=14), tmp_path), model)
    loaded = {f"image_encoder.{name}" for name in report.loaded}
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) != (name in loaded), name
    assert {*report.loaded, *report.untouched} == set(model.image_encoder.state_dict())
    assert all("rel_pos" in name or "neck." in name for name in report.untouched)
    assert set(report.ignored) == {
        "cls_token",
        "mask_token",
        "norm.weight",
        "norm.bias",
        "decoder_pos_embed",
        "decoder_blocks.0.norm1.weight",
    }
    assert (report.grid, report.patch_px) == ((5, 8), (14, 16))


def test_a_file_of_encoder_alone_and_half_precision_is_enough(tmp_path: Path) -> None:
    state = mae_state(grid=5, patch_px=14)
    halves = {k: v.half() for k, v in state.items() if not k.startswith(("decoder", "mask"))}
    model = fresh()
    load_mae(write(halves, tmp_path), model)
    assert {value.dtype for value in model.image_encoder.state_dict().values()} == {torch.float32}


def test_positions_keep_their_places() -> None:
    """Rows stay rows, and a slope a slope, as far as torch's cubics don't bend it."""
    slope = torch.arange(6.0)
    grid = torch.stack([slope.expand(6, 6), slope[:, None].expand(6, 6)], dim=-1)  # x and y
    positions = torch.cat([torch.full((1, 1, 2), 99.0), grid.reshape(1, 36, 2)], dim=1)
    assert torch.equal(resize_positions(positions, 6)[0], grid)
    resized = resize_positions(positions, 12)[0]
    expected = (torch.arange(12.0) + 0.5) / 2 - 0.5  # the cells' centres
    inside = slice(3, 9)  # further out, the border is repeated
    torch.testing.assert_close(resized[5, inside, 0], expected[inside], atol=0.05, rtol=0)
    torch.testing.assert_close(resized[inside, 7, 1], expected[inside], atol=0.05, rtol=0)
    assert resized.max() < 6


@pytest.mark.parametrize("side", [16, 20])
def test_an_enlarged_patch_gives_the_token_of_the_patch(side: int) -> None:
    kernel, patch = torch.randn(8, 3, 14, 14), torch.randn(4, 3, 14, 14)
    enlarged = F.interpolate(patch, (side, side), mode="bicubic", align_corners=False)
    token = F.conv2d(enlarged, resize_patches(kernel, side))
    torch.testing.assert_close(token, F.conv2d(patch, kernel), atol=1e-3, rtol=1e-4)


def test_a_reduced_patch_of_one_colour_gives_nearly_the_token_of_the_patch() -> None:
    kernel, grey = torch.randn(8, 3, 16, 16).abs(), torch.ones(1, 3, 16, 16)
    token = F.conv2d(grey[..., :14, :14], resize_patches(kernel, 14))
    torch.testing.assert_close(token, F.conv2d(grey, kernel), atol=0, rtol=0.05)


def without(name: str) -> Callable[[State], None]:
    """Take a name away."""

    def spoil(state: State) -> None:
        del state[name]

    return spoil


def becoming(name: str, *shape: int) -> Callable[[State], None]:
    """Put a tensor of another shape there."""

    def spoil(state: State) -> None:
        state[name] = torch.zeros(shape)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (without("pos_embed"), "no MAE.*pos_embed is missing"),
        (without("patch_embed.proj.weight"), r"no MAE.*patch_embed\.proj\.weight"),
        (without("blocks.1.norm2.bias"), r"incomplete: blocks\.1\.norm2\.bias"),
        (becoming("pos_embed", 1, 64, 32), r"pos_embed of shape \(1, 64, 32\)"),
        (becoming("pos_embed", 1, 1, 32), "pos_embed of shape"),
        (becoming("patch_embed.proj.weight", 32, 3, 16, 14), "square patches"),
        (becoming("patch_embed.proj.weight", 32, 1, 16, 16), r"\(32, 1, 16, 16\) instead of"),
        (becoming("blocks.0.mlp.fc1.weight", 64, 32), r"lin1\.weight is \(64, 32\) instead of"),
        (
            becoming("blocks.0.ls1.gamma", 32),
            r"1 are unknown \(.*ls1\.gamma",
        ),  # it would change the sum
    ],
)
def test_files_of_other_things_are_refused_and_change_nothing(
    tmp_path: Path, spoil: Callable[[State], None], complaint: str
) -> None:
    state, model = mae_state(), fresh()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    spoil(state)
    with pytest.raises(LayoutError, match=complaint):
        load_mae(write(state, tmp_path), model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("size", "encoder", "ours"),
    [
        ({"width": 48}, SIZE, "width 32 and depth 2"),
        ({"depth": 3}, SIZE, "width 32 and depth 2"),
        ({"depth": 1}, SIZE, "width 32 and depth 2"),
        ({}, TINY_VIT, r"TinyViT of widths \(8, 16, 24, 32\)"),
    ],
)
def test_another_size_is_refused_with_both_sizes(
    tmp_path: Path, size: dict[str, int], encoder: ViTConfig | TinyViTConfig, ours: str
) -> None:
    theirs = {"width": 32, "depth": 2} | size
    expected = f"width {theirs['width']} and depth {theirs['depth']}.*{ours}"
    with pytest.raises(LayoutError, match=expected):
        load_mae(write(mae_state(**size), tmp_path), fresh(encoder))


def test_the_pixels_are_those_of_mae() -> None:
    """MAE's Normalize of 0-1 pixels (main_pretrain.py) is SAM's of 0-255 pixels."""
    config = SamConfig()
    assert config.pixel_mean == pytest.approx([255 * x for x in (0.485, 0.456, 0.406)])
    assert config.pixel_std == pytest.approx([255 * x for x in (0.229, 0.224, 0.225)])
