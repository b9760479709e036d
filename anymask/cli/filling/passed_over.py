"""Passed over: images that a command could not do, said with the reasons."""

from __future__ import annotations

from collections.abc import Sequence

import typer

REASONS_SHOWN = 5


def tell_passed_over(passed: Sequence[tuple[str, str]]) -> None:
    """Name the first on standard error, and count the others. passed: names with reasons."""
    for name, reason in passed[:REASONS_SHOWN]:
        typer.echo(f"{name} is passed over: {reason}", err=True)
    if len(passed) > REASONS_SHOWN:
        typer.echo(f"{len(passed) - REASONS_SHOWN} more are passed over", err=True)
