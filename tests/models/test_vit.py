"""The ViT on grids that are not square, against attention worked out token by token.

Shape legend: B images, C channels, h w token grid.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.models.vit import Attention, Block, ViT, ViTConfig

TALL = ViTConfig(
    width=16, depth=2, heads=2, global_blocks=(1,), image_px=80, patch_px=16, window=2,
    out_channels=8, image_hw=(80, 48),
)  # fmt: skip


def vit(config: ViTConfig) -> ViT:
    """A random ViT; what starts as zeros is random, too."""
    torch.manual_seed(0)
    encoder = ViT(config).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return encoder


def slow_attention(attention: Attention, tokens: Tensor) -> Tensor:
    """Self-attention of one grid (h, w, C), with loops over queries, heads and keys."""
    height, width, channels = tokens.shape
    d = channels // attention.heads
    q, k, v = attention.qkv(tokens).split(channels, dim=-1)
    out = torch.zeros_like(tokens)
    for y in range(height):
        for x in range(width):
            for head in range(attention.heads):
                part = slice(head * d, (head + 1) * d)
                query = q[y, x, part]
                scores = torch.empty(height, width)
                for row in range(height):
                    for column in range(width):
                        place = attention.rel_pos_h[y - row + height - 1]
                        place = place + attention.rel_pos_w[x - column + width - 1]
                        scores[row, column] = query @ (k[row, column, part] * d**-0.5 + place)
                weights = scores.flatten().softmax(0).view(height, width, 1)
                out[y, x, part] = (weights * v[..., part]).sum(dim=(0, 1))
    answer: Tensor = attention.proj(out)
    return answer


def slow_block(block: Block, tokens: Tensor) -> Tensor:
    """A block over one grid (h, w, C), window by window; padding is zeros after the norm."""
    height, width, _ = tokens.shape
    side = block.window
    normed = block.norm1(tokens)
    if side:
        normed = F.pad(normed, (0, 0, 0, -width % side, 0, -height % side))
        added = torch.zeros_like(normed)
        for top in range(0, normed.shape[0], side):
            for left in range(0, normed.shape[1], side):
                window = (slice(top, top + side), slice(left, left + side))
                added[window] = slow_attention(block.attn, normed[window])
        added = added[:height, :width]
    else:
        added = slow_attention(block.attn, normed)
    tokens = tokens + added
    out: Tensor = tokens + block.mlp(block.norm2(tokens))
    return out


def images(config: ViTConfig, count: int = 2) -> Tensor:
    """Pictures of noise, (B, 3, H, W)."""
    hw = config.image_hw or (config.image_px, config.image_px)
    return torch.randn(count, 3, *hw, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("image_hw", [(80, 48), (48, 80)])
def test_a_grid_that_is_not_square_is_attended_to_as_by_loops(image_hw: tuple[int, int]) -> None:
    config = replace(TALL, image_hw=image_hw)
    encoder, pixels = vit(config), images(config)
    tables = encoder.state_dict()
    for axis, side in zip("hw", config.grid_hw):
        assert tables[f"blocks.1.attn.rel_pos_{axis}"].shape == (2 * side - 1, 8)
    tokens = encoder.patch_embed(pixels) + encoder.pos_embed
    for block in encoder.blocks:
        assert isinstance(block, Block)
        expected = torch.stack([slow_block(block, grid) for grid in tokens])
        tokens = block(tokens)
        torch.testing.assert_close(tokens, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(encoder(pixels), encoder.neck(tokens.permute(0, 3, 1, 2)))
    assert encoder(pixels).shape == (2, 8, *config.grid_hw)


@torch.no_grad()
@pytest.mark.parametrize("band_rows", [1, 2, 4])
def test_bands_of_rows_give_the_same_numbers(band_rows: int) -> None:
    encoder = vit(TALL)
    whole = encoder(images(TALL))
    encoder.band_rows = band_rows
    torch.testing.assert_close(encoder(images(TALL)), whole, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_block_adds_what_attend_gives_then_what_feed_gives() -> None:
    block = vit(TALL).blocks[1]
    assert isinstance(block, Block)
    tokens = torch.randn(2, 5, 3, 16)
    attended = tokens + block.attend(tokens)
    assert torch.equal(block(tokens), attended + block.feed(attended))


@torch.no_grad()
def test_a_square_said_by_both_sides_is_the_square_said_by_one() -> None:
    square = replace(TALL, image_hw=None)
    said = replace(TALL, image_hw=(80, 80))
    assert (square.grid_hw, square.grid) == (said.grid_hw, said.grid) == ((5, 5), 5)
    assert torch.equal(vit(square)(images(square)), vit(said)(images(square)))


def test_sizes_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="image_px is 1024"):
        ViTConfig(image_hw=(896, 448))
    with pytest.raises(ValueError, match="not whole patches"):
        ViTConfig(image_px=900, image_hw=(900, 448))
    with pytest.raises(ValueError, match="no one side"):
        _ = TALL.grid
