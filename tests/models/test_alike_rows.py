"""Padding below an image is computed once and copied, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from anymask.models.tiny_vit import TinyViT, TinyViTConfig
from anymask.models.windows import NONE_ALIKE, AlikeRows, in_bands

CONFIG = TinyViTConfig(
    widths=(8, 16, 24, 32), depths=(2, 2, 2, 1), heads=(1, 2, 3, 4), image_px=512, out_channels=64
)


def test_rows_that_equal_the_last_one_are_found() -> None:
    image = torch.zeros(2, 3, 8, 4)
    assert AlikeRows.at_the_bottom(image) == (0, 8, 1)
    image[1, 2, 4, 3] = 1
    assert AlikeRows.at_the_bottom(image) == (5, 8, 1)
    image[0, 0, 7, 0] = 1
    assert AlikeRows.at_the_bottom(image) == (7, 8, 1)


def test_what_layers_make_of_them_is_counted() -> None:
    rows = AlikeRows(10, 64)
    assert rows.near() == (11, 63, 1)  # row 63 has the border below it
    assert rows.near(2) == (6, 32, 1)  # row 31 is of 61 to 63
    assert rows.in_windows(7) == (14, 63, 7)
    assert rows.in_windows(7).near().in_windows(14) == (28, 56, 14)
    assert rows.in_windows(7).copied(64) == (21, 63)
    assert AlikeRows(60, 64, 7).copied(64) == (64, 64)
    assert NONE_ALIKE.near().in_windows(7).copied(64) == (64, 64)


@pytest.mark.parametrize("rows", [1, 3, 8, 20])
@pytest.mark.parametrize("content", [1, 9, 15, 28])
def test_only_rows_that_others_repeat_are_left_out(rows: int, content: int) -> None:
    computed = 0

    def counted(band: Tensor) -> Tensor:
        nonlocal computed
        computed += band.shape[2]
        return 2 * band

    period = 4
    x = torch.randn(1, 2, 32, 5)
    repeats = x[:, :, content : content + period]
    for top in range(content, 30, period):
        x[:, :, top : min(top + period, 30)] = repeats[:, :, : 30 - top]
    found = in_bands(counted, x, rows, alike=AlikeRows(content, 30, period))
    assert torch.equal(found, 2 * x)
    assert computed == 32 - max(30 - content - period, 0)


@pytest.mark.parametrize("height", [1, 100, 150, 340, 400, 511, 512])
def test_a_padded_image_is_encoded_as_by_the_plain_encoder(
    height: int, counting: Callable[[TinyViT], list[int]]
) -> None:
    torch.manual_seed(0)
    encoder = TinyViT(CONFIG).eval()
    image = torch.zeros(2, 3, 512, 512)
    image[:, :, :height] = torch.randn(2, 3, height, 512)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
        plain = encoder(image)
        rows = counting(encoder)
        encoder.band_rows = 8
        torch.testing.assert_close(encoder(image), plain, atol=1e-4, rtol=1e-4)
    assert (sum(rows) < 64) == (height < 400)


@pytest.fixture
def counting() -> Callable[[TinyViT], list[int]]:
    """Rows that go through an encoder's first MLP."""

    def count(encoder: TinyViT) -> list[int]:
        rows: list[int] = []
        mlp = encoder.get_submodule("layers.1.blocks.0.mlp")
        mlp.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[1]))
        return rows

    return count
