"""Search run: a command looks through a project's images for masks to suggest, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from anymask.cli.filling.passed_over import tell_passed_over
from anymask.cli.progress import tell, work_bar

if TYPE_CHECKING:
    from anymask.engine.stages.searching import Finder, Searched
    from anymask.engine.store.automation.runs import RunKind
    from anymask.engine.store.store import Store


def search_run(store: Store, kind: RunKind, folder: Path, finder: Finder) -> None:
    """Look through all open images as a run of a kind, with a bar. Raises ``Error``."""
    from anymask.engine.pictures.folder import ImageFolder
    from anymask.engine.stages.running import running
    from anymask.engine.stages.searching import count_unsearched, search

    searched = []
    total = count_unsearched(store, finder)
    with running(store, kind, total, tell) as run, work_bar(total) as step:
        for one in search(store, ImageFolder(folder), finder):
            searched.append(one)
            step(one.suggested is not None, one.name)
            run.step(len(searched))
    _tell(searched)


def _tell(searched: list[Searched]) -> None:
    """What became of it."""
    done = [one.suggested for one in searched if one.suggested is not None]
    added = sum(one.added for one in done)
    typer.echo(f"{added} mask{'s' * (added != 1)} suggested in {len(done)} images")
    passed = [one for one in searched if one.suggested is None]
    tell_passed_over([(one.name, one.reason) for one in passed])
