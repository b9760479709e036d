"""Random colours of labels."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.coloring import APART, random_colors
from anymask.core.in_context.palette import palette


@pytest.mark.parametrize("count", [1, 4, 16])
def test_colours_are_far_apart_and_the_background_is_black(count: int) -> None:
    colors = random_colors(count, 0, np.random.default_rng(count))
    assert colors.shape == (count + 1, 3)
    assert not colors[0].any()
    assert colors.min() >= 0
    assert colors.max() <= 255
    gaps = np.linalg.norm(colors[:, None] - colors, axis=-1) + 1e9 * np.eye(count + 1)
    assert gaps.min() >= APART


def test_three_hundred_labels_get_colours_too() -> None:
    colors = random_colors(300, 0, np.random.default_rng(0))
    assert len(np.unique(colors, axis=0)) == 301


def test_chance_decides_and_may_choose_those_of_inference() -> None:
    one, other = (random_colors(3, 0, np.random.default_rng(seed)) for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert np.array_equal(random_colors(3, 1, np.random.default_rng(1)), palette(3))
