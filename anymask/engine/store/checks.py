"""Checks: ids and texts that come from outside, before a database sees them."""

from __future__ import annotations

import re

from anymask.errors import StoreError, clipped

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes no zero, no encoding half a sign


def checked_id(value: object, what: str) -> str:
    """The id itself. Raises ``StoreError`` unless it is a UUID in lower case with hyphens."""
    if not isinstance(value, str) or not UUID.fullmatch(value):
        raise StoreError("invalid", f"the id of {what} is {clipped(value)}, which is no UUID")
    return value


def checked_text(value: str, what: str, longest: int) -> str:
    """The text itself, of 1 to ``longest`` letters. Raises ``StoreError``."""
    if not value.strip() or len(value) > longest:
        raise StoreError("invalid", f"{what} has 1 to {longest} letters, not {len(value.strip())}")
    if UNSTORABLE.search(value):
        raise StoreError("invalid", f"{what} has letters that are none: {clipped(value)}")
    return value
