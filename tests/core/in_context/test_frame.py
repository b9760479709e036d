"""Frames: cut, mirrored, jittered and stitched, labels always with their pixels."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.example import Example, spatial_grid
from anymask.core.in_context.frame import UNDECIDED, Frame, stitched
from tests.core.in_context.drawn import beside, compare, drawn

HW = (48, 48)


def red(frame: Frame) -> float:
    """How much of what is labelled a disc is red."""
    inside = frame.pixels[frame.labels == 1].astype(int)
    return float((inside[:, 0] > inside[:, 2] + 60).mean())


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_keeps_some_of_what_is_labelled_and_its_pixels(seed: int) -> None:
    frame = drawn(seed)
    cut = frame.cut(HW, (0.2, 0.6), np.random.default_rng(seed))
    assert cut.hw == HW
    assert (cut.labels > 0).any()
    assert set(np.unique(cut.labels)) <= {0, 1, 2}
    if (cut.labels == 1).sum() > 40:
        assert red(cut) > 0.8


def test_a_cut_that_can_not_keep_it_is_the_whole() -> None:
    labels = np.zeros((64, 64), np.int32)
    labels[0, 0] = labels[-1, -1] = 1
    frame = Frame(np.zeros((64, 64, 3), np.uint8), labels)
    assert (frame.cut((64, 64), (0.01, 0.02), np.random.default_rng(0)).labels > 0).sum() <= 2
    blank = Frame(frame.pixels, np.zeros_like(labels))
    assert blank.cut(HW, (0.1, 0.2), np.random.default_rng(0)).hw == HW


def test_the_same_chance_cuts_the_same() -> None:
    first, second = (drawn(3).cut(HW, (0.3, 1), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.labels, second.labels)


def test_mirrored_twice_is_itself() -> None:
    frame = drawn(1)
    assert np.array_equal(frame.flipped().labels, frame.labels[:, ::-1])
    assert np.array_equal(frame.flipped().flipped().pixels, frame.pixels)


def test_jitter_changes_colours_and_no_label() -> None:
    frame = drawn(2)
    jittered = frame.jittered(0.4, np.random.default_rng(1))
    assert jittered.labels is frame.labels
    assert np.abs(jittered.pixels.astype(int) - frame.pixels).mean() > 3
    assert frame.jittered(0, np.random.default_rng(1)) is frame
    grey = Frame(np.full((4, 4, 3), 90, np.uint8), frame.labels[:4, :4])
    assert np.ptp(grey.jittered(0.4, np.random.default_rng(2)).pixels, axis=-1).max() <= 1


def test_what_nobody_decided_stays_undecided_at_any_size() -> None:
    labels = np.array([[UNDECIDED, 1], [0, 2]], np.int32)
    large = Frame(np.zeros((2, 2, 3), np.uint8), labels).resized((20, 20))
    assert (large.labels == np.kron(labels, np.ones((10, 10), np.int32))).all()


def test_stitched_frames_fill_the_picture_and_begin_again() -> None:
    plain = [Frame(np.full((9, 7, 3), n, np.uint8), np.full((9, 7), n)) for n in (1, 2, 3)]
    grid = stitched(plain, (20, 30))
    assert [int(grid.labels[y, x]) for y in (0, 19) for x in (0, 29)] == [1, 2, 3, 1]
    assert (grid.pixels[..., 0] == grid.labels).all()
    two = stitched(plain[:2], (20, 30))
    assert [int(two.labels[y, x]) for y in (0, 19) for x in (0, 29)] == [1, 2, 1, 2]


def test_golden_picture_of_context_mixing() -> None:
    """Four images that share one colour map, stitched, and a random part of that."""
    mixed = stitched([drawn(number) for number in range(4)], (128, 128))
    cut = mixed.cut((128, 128), (0.3, 0.5), np.random.default_rng(7))
    pixels = np.concatenate([mixed.pixels, cut.pixels])
    compare("mix-context", beside(pixels, np.concatenate([mixed.labels, cut.labels])))


def test_golden_picture_of_a_spatial_grid() -> None:
    """Five examples in a grid of nine cells; the first four come again."""
    frames = [drawn(number) for number in range(5)]
    grid = spatial_grid([Example(one.pixels, one.labels) for one in frames], (126, 126))
    compare("spatial-grid", beside(grid.pixels, grid.labels))
