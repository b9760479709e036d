"""Figures of the data engine for people: a table of stages, lines of runs and models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from anymask.cli.progress import duration

if TYPE_CHECKING:
    from anymask.engine.store.automation.figures import StageFigures
    from anymask.engine.store.automation.models import EngineModel
    from anymask.engine.store.automation.runs import Run

STAGE_COLUMNS = (
    "stage", "images", "masks", "masks/image", "s/mask", "s/drawn mask", "automatic", "accepted",
    "rejected",
)  # fmt: skip

WIDE = 200


def print_stages(stages: Sequence[StageFigures]) -> None:
    """A line for each stage in which something was done."""
    if not stages:
        return
    table = Table(*STAGE_COLUMNS, box=None)
    for one in stages:
        tally = one.tally
        table.add_row(
            one.stage,
            str(tally.images),
            str(tally.masks),
            rounded(tally.masks_per_image),
            rounded(tally.seconds_per_mask),
            rounded(tally.seconds_per_drawn_mask),
            percent(tally.share_automatic),
            str(one.accepted),
            str(tally.rejected),
        )
    figures_console().print(table)


def figures_console() -> Console:
    """Standard output; wide where it is no terminal, so that no figure is cut."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def run_line(run: Run, now: datetime | None = None) -> str:
    """What a run does, or how it ended."""
    units = f"{run.done}" if run.total is None else f"{run.done} of {run.total}"
    line = f"{run.kind}: {run.state}, {units} done"
    if run.state == "running":
        seconds = ((now or datetime.now(UTC)) - run.started_at).total_seconds()
        return f"{line}, on {run.host} (process {run.process}) for {duration(max(0, seconds))}"
    over = run.ended_at or run.seen_at
    note = f": {run.note}" if run.note else ""
    return f"{line}, {over.astimezone():%Y-%m-%d %H:%M}{note}"


def model_line(kind: str, model: EngineModel | None) -> str:
    """Which model is in use."""
    what = {"sam": "model", "detector": "detector"}[kind]
    if model is None:
        return f"{what}: none of the project's own yet"
    return f"{what}: {model.model_id}, number {model.number}, {model.made_at.astimezone():%Y-%m-%d}"


def rounded(figure: float | None) -> str:
    """With a place behind the point."""
    return "–" if figure is None else f"{figure:.1f}"


def percent(share: float | None) -> str:
    """A share in 0-1."""
    return "–" if share is None else f"{100 * share:.0f} %"
