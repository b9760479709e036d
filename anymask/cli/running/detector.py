"""``anymask engine detector``: the object detector of stage 2 (§4), from the masks so far."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
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
from anymask.cli.serving.models import ModelInUseOption, ModelsOption, model_in_use_of
from anymask.cli.serving.stores import FolderOption, StoreArgument, open_store

if TYPE_CHECKING:
    from anymask.core.detecting.worth import Pace
    from anymask.engine.store.store import Store
    from anymask.retraining.detector import DetectorTraining
    from anymask.retraining.workshop import Outcome


def detector(
    where: StoreArgument,
    precision: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=1,
            metavar="P",
            help="Share of suggested masks that are to be right, by an IoU of 0.75 or more. By "
            "default whatever saves most of people's time.",
            show_default=False,
        ),
    ] = None,
    set_: SetOption = None,
    held_out: HeldOutOption = None,
    images: FolderOption = None,
    weights: ModelInUseOption = None,
    models: ModelsOption = None,
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON on standard output.")
    ] = False,
) -> None:
    """Train the object detector on images that are done, and choose its threshold.

    `anymask engine prefill` takes it then, if it is not worse than the one before. Ended at any
    moment, it goes on where it was.
    """
    with open_store(where) as store:
        from anymask.engine.stages.running import running
        from anymask.retraining.detector import train_detector

        hold_out_images(store, held_out)
        asked = _asked(store, weights, where, models, tuple(set_ or ()), precision)
        pace = _pace(store)
        with (
            workshop_of(store, where, images, models, offline) as here,
            running(store, "detector", tell=tell) as run,
        ):
            outcome = train_detector(followed(here, run), asked, pace)
    _tell(outcome, precision, json_)


def _asked(
    store: Store,
    weights: str | None,
    where: str,
    models: Path | None,
    settings: tuple[str, ...],
    precision: float | None,
) -> DetectorTraining:
    """The detector reads embeddings that are there already: of the model that all began with."""
    from anymask.engine.store.automation.models import model_in_use
    from anymask.retraining.detector import DetectorTraining

    choice = model_in_use_of(store, weights, where, models)
    encoder = choice.weights
    if choice.encoder_id:
        model = store.read(model_in_use, "sam")
        if model is not None and model.encoder_id != model.model_id:
            encoder = str(model.figures["base"])
    return DetectorTraining(encoder, choice.weights, settings, precision)


def _pace(store: Store) -> Pace:
    """Seconds of the people who work on this store, where they are known yet."""
    from anymask.core.detecting.worth import USUAL, Pace
    from anymask.engine.store.automation.figures import measured

    known = store.read(measured)
    return Pace(
        known.click_s or USUAL.click_s,
        known.drawn_s or USUAL.drawn_s,
        known.verdict_s or USUAL.verdict_s,
    )


def _tell(outcome: Outcome, precision: float | None, as_json: bool) -> None:
    figures = outcome.model.figures
    if as_json:
        typer.echo(json.dumps(asdict(outcome.model), default=str))
        return
    lines = [
        f"box AP {100 * figures['ap']:.1f}, AP50 {100 * figures['ap_50']:.1f}, AR@100 at IoU 0.5 "
        f"{100 * figures['ar_100_50']:.1f}, on {figures['held_out_images']} images held out"
    ]
    if sure := figures["sure"]:
        lines += _precise(sure, precision) if precision is not None else _worthy(sure)
        pace = figures["pace"]
        lines.append(
            f"that saves {figures['saved_s']:.1f} s an image, where a mask of one click takes "
            f"{pace['click_s']:.1f} s, of more {pace['drawn_s']:.1f} s, and an answer "
            f"{pace['verdict_s']:.2f} s"
        )
    tell_outcome(outcome, lines)


def _precise(sure: dict[str, float], wanted: float) -> list[str]:
    lines = [
        f"threshold {sure['threshold']:.3f}: {100 * sure['precision']:.0f} % of {sure['kept']} "
        f"masks are right ({100 * sure['low']:.0f} to {100 * sure['high']:.0f} %)"
    ]
    if sure["precision"] < wanted:
        lines.append(f"no threshold is as precise as {wanted:g}")
    return lines


def _worthy(sure: dict[str, float]) -> list[str]:
    return [
        f"threshold {sure['threshold']:.3f}, by what saves most time: of {sure['kept']} masks "
        f"{sure['right']} are right and {sure['nearly']} nearly"
    ]
