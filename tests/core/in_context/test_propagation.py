"""Labels carried from the patches of known frames to those of another, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.features import FeatureMap
from anymask.core.in_context.propagation import EVERYWHERE, Remembered, agreed, propagated

RED, GREEN = np.eye(2, dtype=np.float32)


def strip(red: int, length: int = 10) -> FeatureMap:
    """Green patches in a row, one of them red."""
    grid = np.tile(GREEN, (1, length, 1))
    grid[0, red] = RED
    return FeatureMap.of_features(grid, (1, length))


def labelled(red: int, reach: float = 0.35) -> Remembered:
    """The red patch is the thing."""
    shares = np.zeros((1, 10, 2), np.float32)
    shares[..., 0] = 1
    shares[0, red] = 0, 1
    return Remembered(strip(red), shares, reach)


def test_a_label_moves_with_what_it_lies_on() -> None:
    """Six of the seven that are asked are green and so far off that they hardly count."""
    chances = propagated(strip(4), [labelled(2)])
    assert chances.sum(axis=2) == pytest.approx(np.ones((1, 10)))
    assert chances[0, 4, 1] > 0.99
    assert np.delete(chances[0, :, 1], 4).max() < 0.01


def test_only_what_is_within_reach_is_asked() -> None:
    for reach, is_asked in ((0.35, False), (0.89, False), (0.9, True), (EVERYWHERE, True)):
        chance = propagated(strip(9), [labelled(0, reach)])[0, 9, 1]
        assert chance > 0.99 if is_asked else chance < 0.5


def test_two_memories_must_both_think_a_label_likely() -> None:
    """0.8 and 0.2 are 0.785 and 0.215 where either may be mistaken, 0 is 0.025."""
    likely, unlikely, sure, never = (
        np.array([[[1 - p, p]]], np.float32) for p in (0.8, 0.2, 1.0, 0.0)
    )
    one = 0.785**0.35 * 0.215**0.65
    other = 0.215**0.35 * 0.785**0.65
    mixed = one / (one + other)
    assert agreed(likely, unlikely)[0, 0, 1] == pytest.approx((mixed - 0.025) / 0.95)
    for same in (likely, unlikely, sure, never):
        assert agreed(same, same) == pytest.approx(same, abs=1e-6)
    # What is known weighs less than where the thing was.
    assert agreed(sure, never)[0, 0, 1] < 0.5 < agreed(never, sure)[0, 0, 1]
