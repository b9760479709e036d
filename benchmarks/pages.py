"""Tables on pages for people: each stands between two marks, and a script replaces it."""

from __future__ import annotations

from pathlib import Path


def show(page: Path, name: str, table: str) -> None:
    """Put a table between ``<!-- name:start -->`` and ``<!-- name:end -->`` of a page."""
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    before, rest = page.read_text().split(start)
    _, after = rest.split(end)
    page.write_text(f"{before}{start}\n{table}\n{end}{after}")
