"""The ViT image encoder against the official one.

Shape legend: B images, S side of the model's input.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from anymask.models.vit import ViT, relative_positions
from tests.parity.twins import Twin, modeling, randn

TOLERANCE = 1e-4


def images(twin: Twin) -> Tensor:
    """Two normalised pictures of noise."""
    return randn(2, 3, twin.size.image_px, twin.size.image_px)


def encoder_of(twin: Twin, band_rows: int) -> ViT:
    """Our encoder with the fast path's switch set; the twin's own stays as it is."""
    encoder = twin.checkpoint.build().image_encoder
    assert isinstance(encoder, ViT)
    encoder.band_rows = band_rows
    return encoder


@pytest.mark.parametrize("band_rows", [0, 1, 3])
@torch.no_grad()
def test_the_embedding_is_the_official_one(twin: Twin, band_rows: int) -> None:
    expected = twin.official.image_encoder(images(twin))
    embedding = encoder_of(twin, band_rows)(images(twin))
    assert expected.std() > 0.1  # an answer that says nothing could not be told from another
    torch.testing.assert_close(embedding, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("spread", [1.0, 0.01], ids=["wide", "narrow"])
@torch.no_grad()
def test_each_block_is_the_official_one(twin: Twin, spread: float) -> None:
    """In the whole, a later norm could hide what one block does wrong.

    Tokens that hardly differ show the epsilons of the norms.
    """
    tokens = spread * randn(2, twin.size.grid, twin.size.grid, twin.size.width)
    encoder = encoder_of(twin, band_rows=0)
    for block, expected in zip(encoder.blocks, twin.official.image_encoder.blocks):
        torch.testing.assert_close(block(tokens), expected(tokens), atol=TOLERANCE, rtol=0)


def test_the_config_is_read_off_the_shapes(twin: Twin) -> None:
    size, encoder = twin.size, encoder_of(twin, band_rows=0).config
    assert (encoder.width, encoder.depth, encoder.heads) == (size.width, 4, size.heads)
    assert (encoder.global_blocks, encoder.window) == (size.global_blocks, size.window)
    assert (encoder.image_px, encoder.patch_px) == (size.image_px, 16)
    assert encoder.out_channels == size.decoder_width


@pytest.mark.parametrize(("length", "side"), [(15, 8), (27, 8), (15, 10)])
def test_relative_positions_are_looked_up_and_stretched_as_officially(
    length: int, side: int
) -> None:
    """A table of another length comes from a model that was trained at another resolution."""
    table = randn(length, 16)
    expected = modeling.image_encoder.get_rel_pos(side, side, table)
    torch.testing.assert_close(relative_positions(table, side), expected, atol=1e-6, rtol=0)
