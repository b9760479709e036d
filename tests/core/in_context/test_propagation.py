"""Labels carried from the patches of known frames to those of another, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.features import FeatureMap
from anymask.core.in_context.propagation import Remembered, propagated

RED, GREEN = np.eye(2, dtype=np.float32)


def strip(red: int, length: int = 10) -> FeatureMap:
    """Green patches in a row, one of them red."""
    grid = np.tile(GREEN, (1, length, 1))
    grid[0, red] = RED
    return FeatureMap.of_features(grid, (1, length))


def labelled(red: int, everywhere: bool = False) -> Remembered:
    """The red patch is the thing."""
    shares = np.zeros((1, 10, 2), np.float32)
    shares[..., 0] = 1
    shares[0, red] = 0, 1
    return Remembered(strip(red), shares, everywhere)


def test_a_label_moves_with_what_it_lies_on() -> None:
    """Six of the seven that are asked are green and so far off that they hardly count."""
    chances = propagated(strip(4), [labelled(2)])
    assert chances.sum(axis=2) == pytest.approx(np.ones((1, 10)))
    assert chances[0, 4, 1] > 0.99
    assert np.delete(chances[0, :, 1], 4).max() < 0.01


def test_only_what_is_near_is_asked_unless_a_frame_is_known() -> None:
    assert propagated(strip(9), [labelled(0)])[0, 9, 1] < 0.5
    assert propagated(strip(9), [labelled(0, everywhere=True)])[0, 9, 1] > 0.99
