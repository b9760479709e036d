"""A SegGPT that starts as a DINOv2: with targets that say nothing, it says what that says."""

from __future__ import annotations

import pytest
import torch

from anymask.errors import LayoutError
from anymask.models.dinov2 import DinoV2, DinoV2Config
from anymask.models.seggpt import SegGPT, SegGPTConfig
from anymask.models.vit import ViTConfig
from anymask.weights.seggpt.dino import start_from_dino

WIDTH, DEPTH = 32, 4


def models(patch_px: int = 14, depth: int = DEPTH) -> tuple[SegGPT, DinoV2]:
    torch.manual_seed(0)
    dino = DinoV2(DinoV2Config(width=WIDTH, depth=DEPTH, heads=2, patch_px=14, grid=5))
    with torch.no_grad():
        for parameter in dino.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    vit = ViTConfig(
        width=WIDTH,
        depth=depth,
        heads=2,
        global_blocks=tuple(range(depth)),
        image_px=8 * patch_px,
        patch_px=patch_px,
        image_hw=(8 * patch_px, 4 * patch_px),
    )
    config = SegGPTConfig(vit=vit, merged_after=1, features_of=(2, depth - 1), position_grid=8)
    model = SegGPT(config)
    model.initialise()
    return model.eval(), dino.eval()


@torch.no_grad()
def test_where_targets_are_the_images_again_it_is_the_dino_at_half_the_scale() -> None:
    """Before the merging both streams are the DINOv2's; behind it their mean is, and what later
    blocks add to it is halved, as after targets that said nothing.
    """
    model, dino = models()
    start_from_dino(model, dino)
    tokens = torch.randn(2, 8, 4, WIDTH)
    ours = theirs = tokens
    for number in range(DEPTH):
        block = dino.blocks[number]
        theirs = block(theirs.flatten(1, 2)).view_as(theirs)
        ours = model.blocks[number](ours)
        if number == model.config.merged_after:
            assert (ours - theirs).abs().max() < 1e-4
            ours = ours * 0.5
    assert (ours - 0.5 * theirs).abs().max() < 1e-3


@torch.no_grad()
def test_each_half_has_the_positions_of_a_whole_image() -> None:
    model, dino = models()
    names = start_from_dino(model, dino)
    upper, lower = model._positions().chunk(2, dim=1)
    assert torch.allclose(upper, lower, atol=1e-5)
    assert torch.equal(model.mask_token.flatten(), dino.get_parameter("patch_embed.proj.bias"))
    assert not model.get_parameter("blocks.0.attn.rel_pos_h").any()
    assert "decoder_embed.weight" not in names


@torch.no_grad()
def test_patches_of_another_side_and_blocks_beyond() -> None:
    model, dino = models(patch_px=16, depth=DEPTH + 1)
    last = model.get_parameter(f"blocks.{DEPTH}.attn.proj.weight")
    before = last.clone()
    start_from_dino(model, dino)
    assert torch.equal(last, before)
    grey = torch.full((1, 3, 14, 14), 0.7)
    large = torch.full((1, 3, 16, 16), 0.7)
    assert torch.allclose(model.patch_embed(large), dino.patch_embed(grey), atol=1e-3)


def test_another_width_is_refused() -> None:
    model, _ = models()
    with pytest.raises(LayoutError, match="width 64 and 2 heads is no start"):
        start_from_dino(model, DinoV2(DinoV2Config(width=64, depth=1, heads=2, grid=3)))
