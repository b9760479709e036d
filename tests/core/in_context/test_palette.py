"""Colours of labels, and labels of colours."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.palette import paint, palette, read_colors
from anymask.errors import PromptError


def test_few_labels_have_the_corners_of_the_cube() -> None:
    assert palette(1).tolist() == [[0, 0, 0], [255, 255, 255]]
    seven = palette(7)
    assert {tuple(color) for color in seven.tolist()} == {
        (r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)
    }


@pytest.mark.parametrize("count", [1, 2, 26, 27, 300, 4_096])
def test_all_colours_differ_and_the_first_is_black(count: int) -> None:
    colors = palette(count)
    assert colors.shape == (count + 1, 3)
    assert not colors[0].any()
    assert len(np.unique(colors.round(), axis=0)) == count + 1
    assert palette(count) is colors


@pytest.mark.parametrize("count", [0, -1, 4_097])
def test_what_can_not_be_painted(count: int) -> None:
    with pytest.raises(PromptError, match="labels can't be painted"):
        palette(count)


@pytest.mark.parametrize("count", [1, 5, 300])
def test_what_is_painted_is_read_again(count: int) -> None:
    labels = np.random.default_rng(count).integers(0, count + 1, (40, 30)).astype(np.int32)
    colors = palette(count)
    read = read_colors(paint(labels, colors).astype(np.float32), colors, (40, 30))
    assert np.array_equal(read.labels, labels)
    assert read.confidence.min() > 0.9  # but for rounding to whole numbers


def test_confidence_by_hand() -> None:
    """Of black and white: grey is neither; a quarter of the way, black is three times as near."""
    painted = np.array([[[127.5] * 3, [63.75] * 3, [0] * 3, [300] * 3]], np.float32)
    read = read_colors(painted, palette(1), (1, 4))
    assert read.confidence[0] == pytest.approx([0, 1 - 1 / 3, 1, 1 - 45 / 300], abs=1e-6)
    assert read.labels[0, 1:].tolist() == [0, 0, 1]


def test_between_two_colours_is_no_third() -> None:
    """A red object on black, twice as large: no dark red that another label's colour is."""
    colors = np.array([[0, 0, 0], [255, 0, 0], [128, 0, 0]], np.float32)
    painted = np.zeros((8, 8, 3), np.float32)
    painted[:, 4:] = colors[1]
    read = read_colors(painted, colors, (64, 64))
    assert (read.labels == 2).mean() < 0.1
    assert (read.labels[:, :28] == 0).all()
    assert (read.labels[:, 36:] == 1).all()
