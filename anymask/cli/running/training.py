"""What ``anymask engine retrain`` and ``anymask engine detector`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.progress import Pace
from anymask.cli.serving.models import models_folder
from anymask.cli.serving.stores import folder_of

if TYPE_CHECKING:
    from anymask.engine.stages.running import Running
    from anymask.engine.store.store import Store
    from anymask.retraining.workshop import Outcome, Workshop

LINE_EVERY_STEPS = 20

HeldOutOption = Annotated[
    float | None,
    typer.Option(
        "--held-out",
        metavar="FRACTION",
        help="Of the images, are never learned from, but measured with; their names decide which. "
        "By default as before, at first 0.1.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change a field of the recipe; any number of times.",
    ),
]


@contextmanager
def workshop_of(
    store: Store, where: str, images: Path | None, models: Path | None, offline: bool
) -> Iterator[Workshop]:
    """What a training works with; lines and steps go to standard error."""
    from anymask.engine.pictures.folder import ImageFolder
    from anymask.engine.pictures.pictures import Pictures
    from anymask.predict.disk_cache import embedding_cache, picture_cache, tool_folder
    from anymask.retraining.workshop import Workshop

    cache = tool_folder()
    yield Workshop(
        store,
        ImageFolder(folder_of(where, images)),
        models_folder(where, models),
        Pictures(picture_cache(cache)),
        embedding_cache(cache),
        lambda line: typer.echo(line, err=True),
        _steps(),
        offline or None,
    )


def followed(here: Workshop, run: Running) -> Workshop:
    """The same, whose steps others can see."""

    def step(done: int, total: int) -> None:
        run.total = total
        run.step(done)
        here.on_step(done, total)

    return replace(here, on_step=step)


def hold_out_images(store: Store, fraction: float | None) -> None:
    """Hold images out, as was said now or before."""
    from anymask.engine.store.automation.held_out import (
        DEFAULT_FRACTION,
        held_out_fraction,
        hold_out,
    )

    before = store.read(held_out_fraction)
    count = store.write(hold_out, fraction or before or DEFAULT_FRACTION)
    if not before or fraction:
        plural = "s are" if count != 1 else " is"
        typer.echo(f"{count} image{plural} held out, to measure models with", err=True)


def tell_outcome(outcome: Outcome, lines: list[str]) -> None:
    """What became of a model, for people. lines: its figures."""
    for line in lines:
        typer.echo(line)
    model = outcome.model
    if outcome.is_promoted:
        typer.echo(f"{model.model_id} is in use now (model {model.number})")
        return
    typer.echo(
        f"{model.model_id} is not used (it is kept as model {model.number}): "
        f"{'; '.join(outcome.worse)}"
    )


def _steps() -> Callable[[int, int], None]:
    """Tells how the training goes, now and then."""
    pace: Pace | None = None

    def step(done: int, total: int) -> None:
        nonlocal pace
        if pace is None:
            pace = Pace(total, "steps")
            pace.passed = max(0, done - 1)  # what an earlier process did
        for _ in range(pace.passed, done):
            pace.step(True)
            if pace.passed % LINE_EVERY_STEPS == 0 or pace.passed == total:
                typer.echo(str(pace), err=True)

    return step
