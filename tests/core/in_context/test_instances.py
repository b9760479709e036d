"""Things that touch, by hand: each has a red head and a green body, and lies in blue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core.in_context.features import FeatureMap
from anymask.core.in_context.instances import Completeness, instances

KINDS = dict(zip("rgb", np.eye(3, dtype=np.float32)))
SHOWN = np.stack([KINDS["r"], KINDS["g"]])
Mask = npt.NDArray[np.bool_]


def features(kinds: str) -> FeatureMap:
    """One row of patches, a pixel each."""
    return FeatureMap.of_features(np.stack([KINDS[kind] for kind in kinds])[None], (1, len(kinds)))


def at(kinds: str, *numbers: int) -> Mask:
    return np.isin(np.arange(len(kinds)), numbers)[None]


def parted(kinds: str, *masks: Sequence[int]) -> list[list[int]]:
    """The pixels of each instance of all that is not blue."""
    part = at(kinds, *(number for number, kind in enumerate(kinds) if kind != "b"))
    complete = Completeness(features(kinds), SHOWN, ~part)
    candidates = np.array([at(kinds, *mask) for mask in masks])
    things = instances(part, candidates.reshape(-1, *part.shape), complete)
    return sorted(np.flatnonzero(thing).tolist() for thing in things)


def test_how_much_of_what_was_shown_is_in_a_mask() -> None:
    kinds = "brgb"
    complete = Completeness(features(kinds), SHOWN, at(kinds, 0, 3))
    assert complete.of(at(kinds, 1, 2)) == pytest.approx(1)
    assert complete.of(at(kinds, 1)) == pytest.approx(0.5)
    assert complete.of(at(kinds, 0)) == 0
    # What the rest of the image has, too, says nothing.
    reddish = Completeness(features("rrgb"), SHOWN, at("rrgb", 0, 3))
    assert reddish.of(at("rrgb", 1)) == 0
    assert Completeness(features("rg"), SHOWN, at("rg")).of(at("rg", 0)) == pytest.approx(0.5)


def test_two_that_touch_are_two() -> None:
    both = parted("brgrgb", [1, 2, 3, 4], [1, 2], [3, 4], [1], [3], [0, 5])
    assert both == [[1, 2], [3, 4]]


def test_a_head_and_a_body_are_one_thing() -> None:
    assert parted("brgb", [1], [2], [1, 2]) == [[1, 2]]
    assert parted("brggb", [1, 2], [3]) == [[1, 2, 3]]


def test_without_masks_it_is_one_thing() -> None:
    assert parted("brgrgb") == [[1, 2, 3, 4]]
    assert parted("brgrb", [1, 2]) == [[1, 2, 3]]  # what is left is a head alone
    assert parted("brgrgb", [0, 1, 2], [3, 4, 5]) == [[1, 2, 3, 4]]  # mostly elsewhere


def test_what_a_mask_leaves_may_be_a_thing() -> None:
    assert parted("brgrgb", [1, 2]) == [[1, 2], [3, 4]]


def test_what_was_parted_is_parted_again() -> None:
    three = parted("brgrgrgb", [1, 2, 3, 4], [5, 6], [1, 2], [3, 4])
    assert three == [[1, 2], [3, 4], [5, 6]]


def test_each_pixel_is_of_one_thing() -> None:
    """What no mask has goes to the nearest, what two have to the larger one."""
    assert parted("brrggrrgb", [1, 2, 3], [5, 6, 7]) == [[1, 2, 3, 4], [5, 6, 7]]
    both = parted("brgrgrgrggb", [1, 2, 3, 4, 5], [5, 6, 7, 8, 9])
    assert both == [[1, 2, 3, 4, 5], [6, 7, 8, 9]]
