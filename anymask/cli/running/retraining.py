"""``anymask engine retrain``: the model learns from what is done, and is used if not worse."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.options import OfflineOption
from anymask.cli.progress import tell
from anymask.cli.running.training import (
    HeldOutOption,
    SetOption,
    followed,
    hold_out_images,
    tell_outcome,
    workshop_of,
)
from anymask.cli.serving.models import ModelsOption
from anymask.cli.serving.stores import FolderOption, StoreArgument, open_store
from anymask.errors import Error
from anymask.weights.registry import DEFAULT

if TYPE_CHECKING:
    from anymask.engine.store.store import Store
    from anymask.retraining.sam import Retraining
    from anymask.retraining.workshop import Outcome, Workshop

RETRAIN_AFTER, NEW_MASKS = "retrain_after", 500  # the setting, and what it is unless it was set
LOOK_AGAIN_S = 30.0


def retrain(
    where: StoreArgument,
    recipe: Annotated[
        str, typer.Option(metavar="RECIPE", help="Of `anymask train`, for a model that segments.")
    ] = "retrain",
    set_: SetOption = None,
    weights: Annotated[
        str,
        typer.Option(
            metavar="W", help="What each training starts from; all masks are learned anew."
        ),
    ] = DEFAULT,
    oversample_manual: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="X",
            help="How much likelier a mask is learned from that people had a hand in than an "
            "automatic one (the paper's 10).",
        ),
    ] = 10.0,
    automatic_only: Annotated[
        bool, typer.Option("--automatic-only", help="Learn from automatic masks alone.")
    ] = False,
    after: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Do nothing before N masks are new since the last time; kept for --watch.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Stay, and do it each time that enough masks are new; Ctrl-C ends it."
        ),
    ] = False,
    held_out: HeldOutOption = None,
    images: FolderOption = None,
    models: ModelsOption = None,
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON on standard output.")
    ] = False,
) -> None:
    """Train the model on images that are done, and use it if it is not worse than the one in use.

    Both are measured on the images that are held out. Ended at any moment, it goes on where it was.
    Who annotates moves over to the new model with the next image.
    """
    with open_store(where) as store:
        from anymask.engine.store.settings import put_setting, setting
        from anymask.retraining.sam import Retraining

        asked = Retraining(weights, recipe, tuple(set_ or ()), automatic_only, oversample_manual)
        asked.check()
        hold_out_images(store, held_out)
        if after is not None:
            store.write(put_setting, RETRAIN_AFTER, after)
        with workshop_of(store, where, images, models, offline) as here:
            if watch:
                _watch(here, asked, int(store.read(setting, RETRAIN_AFTER, NEW_MASKS)), json_)
            elif after is None or _is_due(store, after):
                _tell(_run(here, asked), json_)


def _is_due(store: Store, enough: int) -> bool:
    """Whether enough masks are new; tells where they are not."""
    from anymask.retraining.sam import new_masks

    count = new_masks(store)
    if count < enough:
        typer.echo(f"nothing to do: {count} masks are new since the last time, of {enough}")
    return count >= enough


def _run(here: Workshop, asked: Retraining) -> Outcome:
    from anymask.engine.stages.running import running
    from anymask.retraining.sam import retrain as retrain_once

    with running(here.store, "retrain", tell=tell) as run:
        return retrain_once(followed(here, run), asked)


def _watch(here: Workshop, asked: Retraining, enough: int, as_json: bool) -> None:
    """Retrain each time that enough masks are new. What goes wrong is told, and tried again."""
    from anymask.retraining.sam import new_masks

    typer.echo(f"waiting for {enough} new masks (Ctrl-C ends it)", err=True)
    told = ""
    while True:
        try:
            if new_masks(here.store) >= enough:
                _tell(_run(here, asked), as_json)
            told = ""
        except Error as error:
            if str(error) != told:  # once, not each time
                told = str(error)
                typer.echo(f"anymask: {told}; it is tried again", err=True)
        time.sleep(LOOK_AGAIN_S)


def _tell(outcome: Outcome, as_json: bool) -> None:
    figures = outcome.model.figures
    if as_json:
        typer.echo(json.dumps(asdict(outcome.model), default=str))
        return
    from anymask.retraining.promoting import SAM_FIGURES

    lines = [
        f"{figure.words}: {figures['old'].get(figure.name, float('nan')):.3f} before, "
        f"{figures[figure.name]:.3f} now"
        for figure in SAM_FIGURES
    ]
    if gain := figures.get("gain"):
        lines.append(
            f"one click is worth {100 * gain['low']:+.1f} to {100 * gain['high']:+.1f} points of "
            f"mIoU more, with 95 % confidence"
        )
    tell_outcome(outcome, lines)
