"""What a SegGPT does to be fast changes none of its numbers."""

from __future__ import annotations

import pytest
import torch

from anymask.models.seggpt import SegGPT
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
