"""Points of outlines, however programs spell them.

Known are pairs ``[[x, y], …]``, also with a third number (a depth, or whether a point is seen),
``{"x": …, "y": …}`` for each or with all of each, flat lists ``[x, y, x, y, …]``, text of any of
these, and one such list within another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from anymask.datasets.labelling.numbers import number_of
from anymask.errors import RecordError, clipped

Points = list[tuple[float, float]]  # XY

FARTHEST_PX = 1e6
SEPARATORS = re.compile(r"[\s,;]+")
COORDINATES = (2, 3)


def points_of(values: object) -> Points:
    """The points that a value certainly is. Raises ``RecordError``."""
    points: Points = []
    for pair in _pairs(values):
        x, y = map(number_of, pair) if len(pair) == 2 else (None, None)
        if x is None or y is None:
            raise RecordError(f"its points are {clipped(values)}")
        if max(abs(x), abs(y)) > FARTHEST_PX:
            raise RecordError(f"it has a point that is nowhere: {clipped([x, y])}")
        points.append((x, y))
    return points


def _pairs(values: Any, is_within: bool = False) -> Iterator[tuple[Any, ...]]:
    """What may be X and Y of each point; () for what is no point. is_within: another list."""
    if isinstance(values, str):
        values = _written(values)
    if isinstance(values, dict):
        xs, ys = _coordinates(values) or (None, None)
        is_of_all = isinstance(xs, list) and isinstance(ys, list) and len(xs) == len(ys)
        values = [list(pair) for pair in zip(xs or [], ys or [])] if is_of_all else None
    if not isinstance(values, list):
        yield ()
    elif values and all(number_of(value) is not None for value in values):
        yield from zip(values[::2], values[1::2]) if len(values) % 2 == 0 else [()]
    elif (
        len(values) == 1 and isinstance(values[0], list) and not (is_within or _is_point(values[0]))
    ):
        yield from _pairs(values[0], is_within=True)
    else:
        yield from map(_pair, values)


def _pair(value: Any) -> tuple[Any, ...]:
    """X and Y of a point, or ()."""
    if isinstance(value, str):
        value = _written(value)
    if isinstance(value, dict):
        return _coordinates(value) or ()
    return tuple(value[:2]) if isinstance(value, list) and len(value) in COORDINATES else ()


def _coordinates(point: dict[Any, Any]) -> tuple[Any, Any] | None:
    """What is called x and y, in large or small letters."""
    named = {str(key).lower(): value for key, value in point.items()}
    return (named["x"], named["y"]) if "x" in named and "y" in named else None


def _is_point(values: list[Any]) -> bool:
    return len(values) in COORDINATES and all(number_of(value) is not None for value in values)


def _written(text: str) -> Any:
    """The values that a text has, of JSON or of numbers alone."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return SEPARATORS.split(text.strip())
