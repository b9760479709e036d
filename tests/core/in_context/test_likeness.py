"""Likeness of patches, by hand: axes of a space are kinds of things."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.in_context.features import FeatureMap
from anymask.core.in_context.likeness import (
    Shown,
    diffused,
    like_the_likest,
    likeness,
    nearest,
    patches_of,
    presence,
    together,
)

RED, GREEN, BLUE = np.eye(3, dtype=np.float32)


def row(*kinds: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> FeatureMap:
    """One row of patches, a pixel each."""
    return FeatureMap.of_features(np.array([kinds], np.float32), (1, len(kinds)))


def shown() -> Shown:
    """Red is the thing, green is not."""
    return Shown.of_examples([(row(RED, GREEN), np.array([[True, False]]))])


def test_the_nearest_are_averaged() -> None:
    features = np.stack([RED, RED, GREEN, GREEN])
    assert nearest(RED[None], features, 1) == pytest.approx([1])
    assert nearest(RED[None], features, 3) == pytest.approx([2 / 3])
    assert nearest(RED[None], features, 9) == pytest.approx([0.5])  # no more than there are
    assert nearest(RED[None], features[:0]) == pytest.approx([0])


def test_what_is_shown_is_like_it_and_what_is_around_is_not() -> None:
    """The nearest and the prototypes agree: 1 - 0 twice, 0 - 1 twice, and nothing for blue."""
    assert likeness(row(RED, GREEN, BLUE), shown()) == pytest.approx(np.array([[2.0, -2.0, 0.0]]))


def test_what_is_rejected_counts_as_around() -> None:
    with_blue = shown().without(BLUE[None])
    assert likeness(row(RED, BLUE), with_blue)[0, 1] < -1
    assert likeness(row(RED, BLUE), with_blue)[0, 0] == pytest.approx(
        1 - nearest(RED[None], np.stack([GREEN, BLUE]))[0] + 1
    )


def test_of_an_image_without_the_thing_what_it_is_mistaken_for_counts() -> None:
    orange = np.array([0.8, 0.6, 0.0], np.float32)
    others = np.stack([orange, *[BLUE] * 9])
    before, after = (
        likeness(row(orange), one)[0, 0] for one in (shown(), shown().without_any(others))
    )
    assert before == pytest.approx(0.4)
    assert after == pytest.approx(0.8 - (1 + 0.6 + 0) / 3 + 0.8 - 1)
    assert shown().without_any(others).against[1] == pytest.approx(orange)


def test_a_mask_too_small_for_a_patch_has_the_one_it_is_in() -> None:
    features = FeatureMap.of_features(np.ones((2, 2, 3), np.float32), (8, 8))
    mask = np.zeros((8, 8), bool)
    mask[5, 1] = True
    assert patches_of(features, mask).tolist() == [False, False, True, False]
    assert not patches_of(features, np.zeros((8, 8), bool)).any()


def test_maps_are_weighed_in_their_own_deviations() -> None:
    one, other = np.array([[[0.0, 2.0]], [[0.0, 200.0]]], np.float32)
    assert together([one, other], [1.0, 0.5]) == pytest.approx(np.array([[-1.5, 1.5]]))
    assert together([np.ones((1, 2), np.float32)], [1.0]) == pytest.approx(np.zeros((1, 2)))


def test_patches_that_look_alike_agree() -> None:
    features = row(RED, RED, GREEN, GREEN)
    agreed = diffused(np.array([[1.0, 0.0, 0.0, 0.0]], np.float32), features)[0]
    assert agreed[1] > 2 * agreed[2]
    assert agreed[0] > agreed[1]
    assert agreed[2] == pytest.approx(agreed[3])
    one = np.array([[3.0]], np.float32)
    assert diffused(one, row(RED)) == pytest.approx(one)


def test_the_likest_of_an_image_shows_the_rest() -> None:
    alike = like_the_likest(row(BLUE, BLUE, GREEN), np.array([[1.0, 0.2, 0.1]]))
    assert alike == pytest.approx(np.array([[1.0, 1.0, 0.0]]))


def test_presence_rises_with_how_alike_what_was_found_is() -> None:
    there = presence(row(RED, GREEN), np.array([[1.0, 0.0]]), shown(), 0.7)
    other = presence(row(BLUE, GREEN), np.array([[1.0, 0.0]]), shown(), 0.7)
    assert there > 0.9
    assert other < 0.05
