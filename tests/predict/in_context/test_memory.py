"""What a Follower remembers of frames, by hand: rows of ten patches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core.in_context.features import FeatureMap
from anymask.predict.in_context.memory import LEAST_REACH, MOST_REACH, SURPRISE, Memory

LENGTH = 10
RED, GREEN, BLUE = np.eye(3, dtype=np.float32)


def strip(**colours: int) -> FeatureMap:
    """Green patches in a row, and others at places."""
    grid = np.tile(GREEN, (1, LENGTH, 1))
    for name, place in colours.items():
        grid[0, place] = {"red": RED, "also_red": RED, "blue": BLUE}[name]
    return FeatureMap.of_features(grid, (1, LENGTH))


def labels(place: int) -> npt.NDArray[np.int32]:
    row = np.zeros((1, LENGTH), np.int32)
    row[0, place] = 1
    return row


def test_of_two_alike_the_one_that_is_near_is_followed() -> None:
    memory = Memory([(strip(red=2), labels(2))], 2)
    chances = memory.chances(1, strip(red=3, also_red=8))[0, :, 1]
    assert chances[3] > 0.9
    assert chances[8] < 0.5


def test_a_drawing_that_what_is_known_denies_is_believed_by_half() -> None:
    """Blue was drawn as the thing, which is red: the next frame's blue is not the thing for it."""
    memory = Memory([(strip(red=2, blue=3), labels(2))], 2)
    memory.remember(1, strip(red=2, blue=3), np.maximum(labels(2), labels(3)))
    chances = memory.chances(2, strip(red=2, blue=3))[0, :, 1]
    assert chances[2] > 0.9
    assert chances[3] < 0.2


def test_what_is_known_of_another_frame_is_found_wherever_it_is() -> None:
    """The thing turned blue there, and far off."""
    memory = Memory([(strip(red=2), labels(2)), (strip(blue=9), labels(9))], 2)
    memory.remember(1, strip(blue=2), labels(2))
    assert memory.chances(2, strip(blue=2))[0, 2, 1] > 0.9


def test_what_was_hidden_is_found_wherever_it_comes_back() -> None:
    memory = Memory([(strip(red=1), labels(1))], 2)
    for number in (1, 2, 3, 4):  # the picture of it is gone, as if something else were followed
        memory.remember(number, strip(), np.zeros((1, LENGTH), np.int32))
    # Near frames say background, and nothing of it: 0.5 each. Known ones say 0.975 and 0.025.
    chance = 1 / (1 + 39**-0.35)
    found = memory.chances(5, strip(red=8))[0, 8, 1]
    assert found == pytest.approx((chance - 0.025) / 0.95, abs=0.01)


def test_after_some_frames_without_anything_it_is_looked_for_everywhere() -> None:
    memory = Memory([(strip(red=1), labels(1))], 2)
    memory.remember(1, strip(red=1), labels(1))
    assert memory.chances(2, strip(red=8))[0, 8, 1] < 0.5
    assert memory.chances(9, strip(red=8))[0, 8, 1] > 0.9


def test_things_may_move_as_far_as_they_did_and_more() -> None:
    memory = Memory([(strip(red=1), labels(1))], 2)
    assert memory._reach(1) == MOST_REACH  # nothing is known yet
    memory.remember(1, strip(red=2), labels(2))
    assert memory._reach(1) == pytest.approx(LEAST_REACH + SURPRISE * 0.1)
    memory.remember(3, strip(red=3), labels(3))  # a frame between was empty: half as fast
    assert memory._reach(1) == pytest.approx(LEAST_REACH + SURPRISE * 0.05)
    assert memory._reach(2) == pytest.approx(LEAST_REACH + SURPRISE * 0.1)
    memory.remember(4, strip(red=9), labels(9))
    assert memory._reach(4) == MOST_REACH


def test_a_label_that_is_nowhere_says_nothing_of_how_far_things_move() -> None:
    memory = Memory([(strip(red=1), labels(1))], 3)
    memory.remember(1, strip(red=1), labels(1))
    assert memory._reach(1) == LEAST_REACH


def test_a_small_thing_is_not_outweighed_by_doubts_about_all_the_rest() -> None:
    memory = Memory([(strip(red=2), labels(2))], 2)
    chances = memory.chances(1, strip(red=2))[0, :, 1]
    assert np.delete(chances, 2).sum() < 0.01
