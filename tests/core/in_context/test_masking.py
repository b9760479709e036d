"""Which patches of a target are hidden."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.masking import block_mask, half_mask

GRID_HW = (56, 28)


def test_half_of_it_is_the_querys() -> None:
    mask = half_mask(GRID_HW)
    assert not mask[:28].any()
    assert mask[28:].all()


@pytest.mark.parametrize("share", [0.001, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_blocks_hide_exactly_their_share(share: float, seed: int) -> None:
    mask = block_mask(GRID_HW, share, np.random.default_rng(seed))
    assert mask.sum() == max(1, round(share * mask.size))


def test_what_is_hidden_is_in_blocks_and_in_both_halves() -> None:
    masks = [block_mask(GRID_HW, 0.5, np.random.default_rng(seed)) for seed in range(20)]
    alike = [float((mask[1:] == mask[:-1]).mean()) for mask in masks]
    assert min(alike) > 0.8  # single patches by chance would agree by half
    assert all(mask[:28].any() and mask[28:].any() for mask in masks)
    assert not np.array_equal(masks[0], masks[1])


def test_a_grid_smaller_than_a_block() -> None:
    assert block_mask((2, 2), 0.5, np.random.default_rng(0)).sum() == 2
