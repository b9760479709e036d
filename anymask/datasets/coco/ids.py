"""Ids: what COCO's files call images and categories, matched where they are spelled otherwise."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cached_property
from typing import TypeGuard

WHOLE = re.compile(r"([+-]?[0-9]{1,40})(?:\.0*)?")

Id = int | float | str


def is_id(value: object) -> TypeGuard[Id]:
    """Whether COCO's files may call an image or a category so."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    return not isinstance(value, float) or math.isfinite(value)


class Ids:
    """The ids of a list. A reference leads to the same id, else to the only one of its value."""

    def __init__(self, ids: Iterable[Id]) -> None:
        self._ids = {one: one for one in ids}

    def match(self, reference: object) -> Id | None:
        """The id of the list that is meant: 1 for 1, 1.0, "1" and "001"; None if none or several.

        An id itself comes first: where the list has 1 and "1", each means itself.
        """
        if not is_id(reference):
            return None
        exact = self._ids.get(reference)
        if exact is not None:
            return exact
        alike = self._by_value.get(_value(reference), ())
        return alike[0] if len(alike) == 1 else None

    @cached_property
    def _by_value(self) -> dict[str, list[Id]]:
        by_value: dict[str, list[Id]] = {}
        for one in self._ids:
            by_value.setdefault(_value(one), []).append(one)
        return by_value


def _value(one: Id) -> str:
    whole = WHOLE.fullmatch(str(one).strip())
    return str(int(whole[1])) if whole else str(one).strip()
