"""Clock: times as the store keeps them."""

from __future__ import annotations

from datetime import UTC, datetime


def current_time() -> datetime:
    """Now, in UTC and whole milliseconds: what is given back is what is kept."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
