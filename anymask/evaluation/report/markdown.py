"""Markdown: tables, and numbers as the paper prints them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

DASH = "–"
SEPARATORS = re.compile(r"[/\\]")  # of paths, whatever the system
MARKS = re.compile(r"([\\|*`\[\]<_])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Columns of which the first so many are texts, and the others numbers, set to the right."""
    marks = ["---"] * texts + ["---:"] * (len(head) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, marks, *rows))


def escaped(text: str) -> str:
    """Text that is no mark-up and ends neither its cell nor its line."""
    return MARKS.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Text as it is, in a line."""
    plain = " ".join(text.split()).replace("`", "'")
    return f"`{plain}`"


def per_cent(value: float | None) -> str:
    """A fraction with one decimal of a per cent."""
    return DASH if value is None else f"{100 * value:.1f}"


def three_decimals(value: float | None) -> str:
    """A fraction as edge detection has its figures: .768."""
    return DASH if value is None else f"{value:.3f}".removeprefix("0")


def decimals(value: float | None) -> str:
    """What is no fraction, as clicks have it: 1.48."""
    return DASH if value is None else f"{value:.2f}"


def count(value: float | None) -> str:
    """A whole number."""
    return DASH if value is None else f"{value:,.0f}"


def bare(path: str) -> str:
    """The last name of a path: nothing of somebody's machine belongs on a page."""
    return SEPARATORS.split(path.rstrip("/\\"))[-1]
