"""Numbers in addresses: lists of them with commas, windows of values."""

from __future__ import annotations

from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.errors import StoreError, clipped


def numbers_of(text: str, what: str) -> list[int]:
    """Numbers with commas between. Raises ``StoreError``."""
    parts = [part for part in text.split(",") if part]
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        raise StoreError("invalid", f"{what} are numbers with commas between, not {clipped(text)}")
    return [int(part) for part in parts]


def window_between(low: float | None, high: float | None) -> ReadOptions:
    """The values that become black and white. Raises ``StoreError`` for one without the other."""
    if low is None and high is None:
        return AS_STORED
    if low is None or high is None:
        raise StoreError("invalid", "a window has a low and a high value")
    return ReadOptions(window=(low, high))
