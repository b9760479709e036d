"""Numbers as JSON files of many programs spell them: 7, 7.0 and "7" are the same."""

from __future__ import annotations

import math

from anymask.datasets.listing import MOST_PIXELS


def number_of(value: object) -> float | None:
    """The finite number that a value certainly is, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def whole_number_of(value: object) -> int | None:
    """The whole number that a value certainly is, or None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = number_of(value)
    return int(number) if number is not None and number.is_integer() else None


def size_of(height: object, width: object) -> tuple[int, int] | None:
    """(H, W) of an image, or None where one of them is no size."""
    sides = whole_number_of(height), whole_number_of(width)
    if sides[0] is None or sides[1] is None or min(sides[0], sides[1]) < 1:
        return None
    return (sides[0], sides[1]) if sides[0] * sides[1] <= MOST_PIXELS else None
