"""What a SegGPT does to be fast changes none of its numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from anymask.models.seggpt import SegGPT, query_half
from tests.training.seggpt.tiny import TINY


def model() -> SegGPT:
    torch.manual_seed(1)
    made = SegGPT(TINY)
    made.initialise()
    for block in made.blocks:
        torch.nn.init.normal_(block.get_parameter("attn.rel_pos_h"))
        torch.nn.init.normal_(block.get_parameter("attn.rel_pos_w"))
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize("examples", [1, 2])
def test_what_suits_a_processor(examples: int) -> None:
    made = model()
    pictures = torch.randn(2, 2, 3, 96, 48)
    with torch.inference_mode():
        plain = made(*pictures, examples=examples)
        made.suit_processor()
        fast = made(*pictures, examples=examples)
        of_query = made(*pictures, examples=examples, query_only=True)
    assert (plain - fast).abs().max() < 1e-5
    assert (plain[:, :, 48:] - of_query).abs().max() < 1e-5


def test_relative_positions_are_left_out_where_all_are_zero() -> None:
    made = model()
    pictures = torch.randn(2, 1, 3, 96, 48)
    first = made.blocks[0]
    for side in "hw":
        torch.nn.init.zeros_(first.get_parameter(f"attn.rel_pos_{side}"))
    plain = made(*pictures)
    made.skip_empty_positions()
    assert [block.get_submodule("attn").is_plain for block in made.blocks] == [True, False, False]
    assert (plain - made(*pictures)).abs().max() < 1e-5
    made.requires_grad_(True).skip_empty_positions()
    assert not first.get_submodule("attn").is_plain


APART = replace(
    TINY, vit=replace(TINY.vit, global_blocks=(2,), window=6), merged_after=1, features_of=(1, 2)
)


def of_windows() -> SegGPT:
    torch.manual_seed(1)
    made = SegGPT(APART)
    made.initialise()
    return made.eval().requires_grad_(False)


def test_what_is_hidden_alike_is_computed_once() -> None:
    """Blocks of windows as large as an image: two kinds, one hidden half each, not three."""
    made, pictures = of_windows(), torch.randn(2, 3, 3, 96, 48)
    kinds = torch.tensor([True, False, True])
    hidden = query_half(APART.vit.grid_hw)[None]
    plain = made(*pictures, hidden, kinds)
    halves: list[int] = []
    made.blocks[0].get_submodule("norm1").register_forward_hook(
        lambda _, given, __: halves.append(len(given[0]))
    )
    assert (plain - made(*pictures, None, kinds)).abs().max() < 1e-5
    assert (plain[:, :, 48:] - made(*pictures, None, kinds, 1, True)).abs().max() < 1e-5
    assert halves == [3 * 3 + 2] * 2


def test_several_examples_go_through_windows() -> None:
    made, pictures = of_windows(), torch.randn(2, 2, 3, 96, 48)
    pictures[0, 1, :, 48:] = pictures[0, 0, :, 48:]  # one query
    plain = made(*pictures, query_half(APART.vit.grid_hw)[None], examples=2)
    assert (plain - made(*pictures, examples=2)).abs().max() < 1e-5


def test_images_do_not_see_each_other_in_windows() -> None:
    made, pictures = of_windows(), torch.randn(2, 1, 3, 96, 48)
    other = pictures.clone()
    other[:, :, :, :48] = 0
    with torch.no_grad():
        first, second = (
            made._apart(made._embed(image, target, None, True), True, 2)[:, 6:]
            for image, target in (pictures, other)
        )
    assert torch.equal(first, second)
    assert made._blocks_apart == 2
    assert model()._blocks_apart == 0


def test_windows_that_cut_an_image_unevenly_are_refused() -> None:
    with pytest.raises(ValueError, match="6×6 patches are no whole windows of 4"):
        replace(APART, vit=replace(APART.vit, window=4))


def test_a_fresh_decoder_is_not_too_faint_to_learn() -> None:
    """Black and white are 4.4 apart; from layers of 0.02 a painting had a spread of 0.02."""
    painted = of_windows()._decode(torch.randn(2, 12, 6, 2 * 24))
    assert painted.std() > 0.1
