"""``anymask engine status``: how far the work is, what each stage gave, and what runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from anymask.cli.running.figures import (
    figures_console,
    model_line,
    print_stages,
    rounded,
    run_line,
)
from anymask.cli.serving.stores import StoreArgument, open_store

if TYPE_CHECKING:
    from anymask.engine.store.automation.figures import StageFigures
    from anymask.engine.store.automation.models import EngineModel
    from anymask.engine.store.automation.runs import Run
    from anymask.engine.store.store import Store
    from anymask.engine.store.values import Counts, Stage, Tally


class By(StrEnum):
    """What figures are told apart by."""

    day = "day"
    annotator = "annotator"
    model = "model"
    stage = "stage"
    each = "each"


KEYS = {
    By.day: ("day",),
    By.annotator: ("annotator",),
    By.model: ("model_id",),
    By.stage: ("stage",),
    By.each: ("day", "annotator", "model_id"),
}


@dataclass(frozen=True)
class Status:
    """All that is said of a project. held_out: how many images no model learns from."""

    counts: Counts
    tallies: Sequence[Tally]
    stage: Stage
    stages: Sequence[StageFigures]
    runs: Sequence[Run]
    sam: EngineModel | None
    detector: EngineModel | None
    held_out: int


def status(
    where: StoreArgument,
    by: Annotated[
        By,
        typer.Option(
            help="A line for each day, annotator, model or stage, or for each of the first three."
        ),
    ] = By.each,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Print how far the work is, seconds per mask and masks per image, stages, models and runs."""
    with open_store(where) as store:
        now = _status(store)
    if json_:
        typer.echo(json.dumps(_facts(now, by), indent=2, default=str))
        return
    counts = now.counts
    states = ", ".join(f"{number} {state}" for state, number in counts.states.items() if number)
    typer.echo(f"{counts.images} images ({states}), {counts.masks} masks")
    typer.echo(f"stage: {now.stage}; {now.held_out} images held out")
    for kind, model in (("sam", now.sam), ("detector", now.detector)):
        if model is not None:
            typer.echo(model_line(kind, model))
    for run in now.runs:
        typer.echo(run_line(run))
    if by is By.stage:
        print_stages(now.stages)
        return
    _print_tallies(now.tallies, KEYS[by])
    if len(now.stages) > 1:
        print_stages(now.stages)


def _status(store: Store) -> Status:
    from anymask.engine.stages.running import runs_now
    from anymask.engine.store.automation.figures import count_held_out_images, stage_figures
    from anymask.engine.store.automation.models import model_in_use
    from anymask.engine.store.automation.stages import current_stage
    from anymask.engine.store.images import count_images
    from anymask.engine.store.tallies import status as tallies_of

    tallies = store.read(tallies_of)
    return Status(
        store.read(count_images),
        tallies,
        store.read(current_stage),
        store.read(stage_figures, tallies),
        runs_now(store),
        store.read(model_in_use, "sam"),
        store.read(model_in_use, "detector"),
        store.read(count_held_out_images),
    )


def _print_tallies(tallies: Sequence[Tally], keys: tuple[str, ...]) -> None:
    from anymask.engine.store.tallies import summed

    lines = summed(tallies, keys)  # type: ignore[arg-type]
    table = Table(*keys, "images", "masks", "s/mask", "masks/image", "clicks", "strokes", box=None)
    for tally in lines:
        table.add_row(*(str(getattr(tally, key) or "–") for key in keys), *_cells(tally))
    for tally in summed(tallies) if len(lines) > 1 else ():
        table.add_row("all", *[""] * (len(keys) - 1), *_cells(tally))
    if lines:
        figures_console().print(table)


def _cells(tally: Tally) -> list[str]:
    """Figures for people."""
    return [
        str(tally.images),
        str(tally.masks),
        rounded(tally.seconds_per_mask),
        rounded(tally.masks_per_image),
        str(tally.clicks_add + tally.clicks_remove),
        str(tally.strokes),
    ]


def _facts(now: Status, by: By) -> dict[str, object]:
    from anymask.engine.store.tallies import summed

    lines = summed(now.tallies, KEYS[by])  # type: ignore[arg-type]
    models = {"sam": now.sam, "detector": now.detector}
    return {
        "images": now.counts.images,
        "masks": now.counts.masks,
        "states": dict(now.counts.states),
        "held_out": now.held_out,
        "stage": now.stage,
        "stages": [_stage_facts(one) for one in now.stages],
        "models": {kind: model and asdict(model) for kind, model in models.items()},
        "runs": [asdict(run) for run in now.runs],
        "tallies": [_tally_facts(tally) for tally in lines],
        "total": [_tally_facts(tally) for tally in summed(now.tallies)],
    }


def _stage_facts(one: StageFigures) -> dict[str, Any]:
    """Sums of a stage; images are counted once there."""
    answers = {"accepted": one.accepted, "share_accepted": one.share_accepted}
    return _tally_facts(one.tally) | answers


def _tally_facts(tally: Tally) -> dict[str, Any]:
    ratios = {
        "seconds_per_mask": tally.seconds_per_mask,
        "seconds_per_drawn_mask": tally.seconds_per_drawn_mask,
        "masks_per_image": tally.masks_per_image,
        "share_automatic": tally.share_automatic,
    }
    return asdict(tally) | ratios
