"""Lots: numbers that nothing but a seed and words decide, the same in every version of Python."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TypeVar

Thing = TypeVar("Thing")


def lot(*words: object) -> float:
    """At least 0 and less than 1."""
    text = "\0".join(map(str, words)).encode(errors="surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:6]) / 2.0**48


def shuffled(things: Iterable[Thing], *words: object) -> list[Thing]:
    """Things in an order by lot."""
    numbered = enumerate(things)
    return [thing for _, thing in sorted(numbered, key=lambda pair: lot(*words, pair[0]))]
