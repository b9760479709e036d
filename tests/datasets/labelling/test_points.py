"""Points: every spelling that can mean one thing alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymask.datasets.labelling.points import points_of
from anymask.errors import RecordError

SQUARE = [(1.0, 1.0), (5.0, 1.0), (5.0, 4.5), (1.0, 4.5)]
PAIRS = [list(point) for point in SQUARE]


@pytest.mark.parametrize(
    "values",
    [
        PAIRS,
        [[str(x), str(y)] for x, y in SQUARE],
        [[x, y, 0] for x, y in SQUARE],
        [[x, y, 2] if y > 1 else [x, y] for x, y in SQUARE],
        [{"x": x, "y": y} for x, y in SQUARE],
        [{"Y": str(y), "X": str(x), "z": 3} for x, y in SQUARE],
        {"x": [x for x, _ in SQUARE], "y": [y for _, y in SQUARE]},
        [side for point in SQUARE for side in point],
        [[side for point in SQUARE for side in point]],
        [PAIRS],
        json.dumps(PAIRS),
        "1,1 5,1 5,4.5 1,4.5",
        "1,1;5,1;5,4.5;1,4.5",
        ["1,1", "5, 1", "5 4.5", "[1, 4.5]"],
    ],
)
def test_points_in_every_spelling(values: Any) -> None:
    assert points_of(values) == SQUARE


def test_no_points_are_none() -> None:
    assert points_of([]) == []
    assert points_of([[3, 4]]) == [(3, 4)]


@pytest.mark.parametrize(
    "values",
    [
        None, 7, "", "one", {}, {"x": 1, "y": 2}, {"x": [1], "y": [1, 2]}, [1, 2, 3], [[1]],
        [[1, 2, 3, 4], [1, 2, 3, 4]], [[1, 2], [3]], [[1, None]], [{"x": 1}], [PAIRS, PAIRS],
        [[PAIRS]], [[True, 1]], [[float("nan"), 1]],
    ],
)  # fmt: skip
def test_what_may_mean_anything_is_refused(values: Any) -> None:
    with pytest.raises(RecordError, match="its points are"):
        points_of(values)


def test_a_point_that_is_nowhere() -> None:
    with pytest.raises(RecordError, match=r"a point that is nowhere: \[10000000.0, 1.0\]"):
        points_of([1, 1, 1e7, 1])
