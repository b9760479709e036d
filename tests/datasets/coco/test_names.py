"""How images of a COCO file are known by paths of which only the ends fit."""

from __future__ import annotations

import pytest

from anymask.datasets.coco.names import EndIndex

INDEX = EndIndex([("a/x.png", 1), ("b/x.png", 2), ("c/b/x.png", 3), ("y.png", 4), ("y.png", 5)])


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("a/x.png", [1]),
        ("b/x.png", [2]),
        ("d/a/x.PNG", [1]),
        ("c/b/x.png", [3]),
        ("x.png", [1, 2, 3]),
        ("d/x.png", []),
        ("d/y.png", [4, 5]),
        ("z.png", []),
    ],
)
def test_paths_fit_where_one_is_an_end_of_the_other(path: str, values: list[int]) -> None:
    assert INDEX.fitting(path) == values
