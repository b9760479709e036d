"""``anymask engine audit``: how good automatic masks are, by annotators who correct some (§5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from anymask.cli.everything_options import OWN_THRESHOLDS, as_options
from anymask.cli.serving.stores import StoreArgument, open_store
from anymask.errors import Error, MissingExtraError

if TYPE_CHECKING:
    from anymask.engine.stages.audit_figures import Interval
    from anymask.engine.store.automation.audits import Audit
    from anymask.engine.store.store import Store

audit = typer.Typer(
    help="Automatic masks, corrected by annotators to say how good they are.", no_args_is_help=True
)
PAPER_IMAGES = 500
WantedOption = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="The share of masks above an IoU of 0.9 that the suggested thresholds give.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@audit.command("start")
def start_(
    where: StoreArgument,
    images: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many to draw; the paper's are 500.")
    ] = PAPER_IMAGES,
    seed: Annotated[int, typer.Option(min=0, help="What the images are drawn with.")] = 0,
) -> None:
    """Draw images with automatic masks, and put them before annotators, first of all.

    They correct each mask with the model and the brush, delete what is no object, and press Done.
    """
    with open_store(where) as store:
        from anymask.engine.stages.auditing import start
        from anymask.engine.stages.running import running

        with running(store, "audit"):
            started = start(store, images, seed)
    typer.echo(f"{started.masks} masks in {started.images} of {started.of} images to correct")
    if started.images < images:
        typer.echo("there are no more images that the engine did alone", err=True)


@audit.command("report")
def report_(where: StoreArgument, wanted: WantedOption = 0.9, json_: JsonOption = False) -> None:
    """Print how good the masks are, and which thresholds `anymask engine automatic` takes now.

    Of the images that are done so far; the others are counted.
    """
    with open_store(where) as store:
        figures = _reported(store, _last(store), wanted)
    _print(figures, as_json=json_)


@audit.command("end")
def end_(where: StoreArgument, wanted: WantedOption = 0.9, json_: JsonOption = False) -> None:
    """End the audit with a last report; images that nobody began to correct are done as before."""
    with open_store(where) as store:
        from anymask.engine.store.automation.audits import end_audit

        last = _last(store)
        figures = _reported(store, last, wanted)
        untouched = store.write(end_audit, last.id)
    _print(figures, as_json=json_)
    if untouched:
        typer.echo(f"{untouched} images are done as before; nobody corrected them", err=True)


def _last(store: Store) -> Audit:
    """The audit that was started last. Raises ``Error`` where there is none."""
    from anymask.engine.store.automation.audits import last_audit

    last = store.read(last_audit)
    if last is None:
        raise Error("no audit was started yet: `anymask engine audit start` does")
    return last


def _reported(store: Store, last: Audit, wanted: float) -> dict[str, Any]:
    from anymask.engine.stages.auditing import report

    figures = report(store, last, _spread, wanted)
    if figures["wanted"] != wanted:
        typer.echo(
            f"the audit is ended; its thresholds are for --wanted {figures['wanted']:g}", err=True
        )
    return figures


def _spread(values: Sequence[float], images: Sequence[int]) -> Interval | None:
    """By a bootstrap over images; None where they are too few, or scipy is not there."""
    from anymask.evaluation.measures.bootstrap import Bootstrap

    try:
        return Bootstrap().mean(values, images)
    except MissingExtraError:
        raise
    except Error:
        return None


def _print(figures: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    typer.echo(
        f"{figures['images']} images are corrected, {figures['waiting']} wait, "
        f"{figures['skipped']} were skipped"
    )
    levels = list(figures["share_above"])
    table = Table(
        "", "masks", "deleted", "unchanged", "mean IoU", *(f"IoU > {level}" for level in levels),
        box=None, pad_edge=False,
    )  # fmt: skip
    for name, part in (("all", figures), *figures["by_size"].items()):
        table.add_row(
            name,
            str(part["masks"]),
            _percent(part["deleted"]),
            _percent(part["unchanged"]),
            "–" if part["mean_iou"] is None else f"{part['mean_iou']:.3f}",
            *(_with_interval(part["share_above"][level]) for level in levels),
        )
    Console().print(table)
    published = figures["published"]
    shares = (f"{published['share_above'][level]:.0%} above {level}" for level in levels)
    low, high = published["agreement_of_people"]
    typer.echo(f"Segment Anything §5: {', '.join(shares)}")
    typer.echo(f"two people who mask the same agree to an IoU of {low:.2f}–{high:.2f}, by others")
    _tell_thresholds(figures)
    typer.echo(
        "sizes are COCO's; in brackets intervals of 95%, by a bootstrap over images", err=True
    )


def _tell_thresholds(figures: Mapping[str, Any]) -> None:
    from anymask.engine.stages.audit_figures import FEWEST

    thresholds, wanted = figures["thresholds"], f"{figures['wanted']:.0%}"
    if figures["masks"] < FEWEST:
        typer.echo(f"thresholds are suggested from {FEWEST} masks on")
        return
    if thresholds is None:
        typer.echo(f"no thresholds give {wanted} of masks above 0.9, of those that are corrected")
        return
    options = as_options({name: thresholds[name] for name in OWN_THRESHOLDS})
    typer.echo(
        f"for {wanted} above 0.9, deleted ones counted as below: {options}, which keeps "
        f"{thresholds['kept']} of {figures['masks']} masks, {thresholds['share']:.1%} above"
    )


def _percent(share: Mapping[str, float | None] | None) -> str:
    return "–" if share is None else f"{share['share']:.1%}"


def _with_interval(share: Mapping[str, float | None] | None) -> str:
    if share is None or share["low"] is None or share["high"] is None:
        return _percent(share)
    return f"{_percent(share)} ({100 * share['low']:.0f}–{100 * share['high']:.0f})"
