"""Passed over: images that a command could not do, said with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from anymask.engine.stages.searching import Searched

REASONS_SHOWN = 5


def tell_passed_over(passed: Sequence[tuple[str, str]]) -> None:
    """Name the first on standard error, and count the others. passed: names with reasons."""
    for name, reason in passed[:REASONS_SHOWN]:
        typer.echo(f"{name} is passed over: {reason}", err=True)
    if len(passed) > REASONS_SHOWN:
        typer.echo(f"{len(passed) - REASONS_SHOWN} more are passed over", err=True)


def tell_searched(searched: Sequence[Searched]) -> None:
    """What became of a search for masks to suggest."""
    done = [one.suggested for one in searched if one.suggested is not None]
    added = sum(one.added for one in done)
    typer.echo(f"{added} mask{'s' * (added != 1)} suggested in {len(done)} images")
    passed = [one for one in searched if one.suggested is None]
    tell_passed_over([(one.name, one.reason) for one in passed])
