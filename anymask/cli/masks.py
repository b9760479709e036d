"""``anymask masks``: everything in many images, as a job that may be stopped and run again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anymask.cli.options import (
    EXIT_INTERRUPTED,
    DeviceOption,
    DtypeOption,
    Engine,
    OfflineOption,
    WeightsOption,
)
from anymask.cli.progress import download_bar, work_bar
from anymask.core.atomic import check_writable
from anymask.datasets.photographs import Photograph, PhotographListing, Unread, find_photographs
from anymask.errors import Error
from anymask.jobs.many_images import (
    Format,
    Outcome,
    Settings,
    State,
    check_targets,
    segment_all,
)
from anymask.predict.automatic import OFFICIAL, PAPER, AutomaticConfig

if TYPE_CHECKING:
    from anymask.predict.promptable import Promptable

EXIT_BROKEN = 1


class Preset(StrEnum):
    """Settings to start from."""

    official = "official"
    paper = "paper"


PRESETS = {Preset.official: OFFICIAL, Preset.paper: PAPER}


def _flag(text: str, minimum: float | None = 0, maximum: float | None = None) -> Any:
    """An option of the official ``amg.py``; not given, the preset says."""
    return typer.Option(help=text, min=minimum, max=maximum, metavar="N", show_default=False)


def masks(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Images, folders, quoted globs, tar shards, or URLs of these that fsspec opens "
            "(s3://, https://, zip://).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder to write to.", show_default=False)
    ],
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="json: an SA-1B record for each image; png: a folder with a picture of each mask "
            "and metadata.csv.",
        ),
    ] = Format.json,
    weights: WeightsOption = "mobile-sam",
    preset: Annotated[
        Preset,
        typer.Option(
            help="Where to start: the official package's defaults, or the paper's settings with "
            "two layers of crops (slower, finds more that is small)."
        ),
    ] = Preset.official,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="A quarter of the time for nearly all of the masks: a coarse first look tells "
            "which points deserve an exact answer.",
        ),
    ] = False,
    points_per_side: Annotated[
        int | None, _flag("Points along each side of the grid; they are squared.", 1)
    ] = None,
    points_per_batch: Annotated[
        int | None, _flag("Points asked at once by models that can't pass over poor masks.", 1)
    ] = None,
    pred_iou_thresh: Annotated[
        float | None,
        _flag(
            "Drop masks of a lower predicted IoU, 0 to 1. Weights that were fine-tuned bring their "
            "own.",
            0,
            1,
        ),
    ] = None,
    stability_score_thresh: Annotated[
        float | None, _flag("Drop masks of a lower stability score, 0 to 1.", 0, 1)
    ] = None,
    stability_score_offset: Annotated[
        float | None, _flag("How far the threshold moves to measure stability.")
    ] = None,
    box_nms_thresh: Annotated[
        float | None, _flag("IoU of boxes above which two masks are one, 0 to 1.", 0, 1)
    ] = None,
    crop_n_layers: Annotated[
        int | None, _flag("Look again at crops: layer i has 2^i a side.")
    ] = None,
    crop_nms_thresh: Annotated[
        float | None, _flag("As --box-nms-thresh, between crops.", 0, 1)
    ] = None,
    crop_overlap_ratio: Annotated[
        float | None, _flag("Overlap of crops, in parts of the shorter side.", 0, 1)
    ] = None,
    crop_n_points_downscale_factor: Annotated[
        int | None, _flag("Layer i has so many times fewer points a side, to the power of i.", 1)
    ] = None,
    min_mask_region_area: Annotated[
        int | None, _flag("Remove islands and fill holes of fewer pixels.")
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(
            help="process: here; ray: on the Ray cluster of $RAY_ADDRESS, or on all of this "
            "machine, every actor with a model of its own."
        ),
    ] = Engine.process,
    actors: Annotated[
        int | None,
        typer.Option(
            help="With --engine ray: how many hold a model; otherwise one for each card or for "
            "every four processors.",
            min=1,
            metavar="N",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON on standard output.")
    ] = False,
) -> None:
    """Find all masks in many images; stop it at any time, and run it again to go on.

    Images that are done are passed over. Several processes may share one folder. Images that can't
    be read are listed at the end.
    """
    config = _config(
        preset,
        fast=fast,
        points_per_side=points_per_side,
        points_per_batch=points_per_batch,
        pred_iou_thresh=pred_iou_thresh,
        stability_score_thresh=stability_score_thresh,
        stability_score_offset=stability_score_offset,
        box_nms_thresh=box_nms_thresh,
        crop_n_layers=crop_n_layers,
        crop_nms_thresh=crop_nms_thresh,
        crop_overlap_ratio=crop_overlap_ratio,
        crop_n_points_downscale_factor=crop_n_points_downscale_factor,
        min_mask_region_area=min_mask_region_area,
    )
    if actors is not None and engine != Engine.ray:
        raise typer.BadParameter("--actors goes with --engine ray")
    model = Model(weights, device, dtype, offline)
    try:
        found = _found(paths, out, format_)
        work = _on_cluster(actors) if engine == Engine.ray else _here
        given = {
            "pred_iou_thresh": pred_iou_thresh,
            "stability_score_thresh": stability_score_thresh,
        }
        open_ = [name for name, value in given.items() if value is None]
        outcomes = _run(work, model, found.photographs, out, config, format_, open_)
    except KeyboardInterrupt:
        typer.echo("anymask: stopped; run the same command again to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    summary = _summary(outcomes, found.unread, out)
    _report(summary)
    if json_:
        typer.echo(json.dumps(summary))
    if summary["broken"] or summary["unread"]:
        raise typer.Exit(EXIT_BROKEN)


def _config(preset: Preset, **flags: float | None) -> AutomaticConfig:
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    return replace(PRESETS[preset], **given)


def _found(paths: list[str], out: Path, form: Format) -> PhotographListing:
    """The photographs, and all that can be refused before the weights are loaded."""
    check_writable(out)
    found = find_photographs(paths, out)
    if not found.photographs:
        unread = "".join(f"; {one.name} {one.reason}" for one in found.unread)
        raise Error(f"there are no images in {', '.join(paths)}{unread}")
    check_targets(found.photographs, out, form)
    return found


@dataclass(frozen=True)
class Model:
    """What ``anymask.load`` is asked for."""

    weights: str
    device: str
    dtype: str
    offline: bool


Work = Callable[[Model, "Promptable", list[Photograph], Path, Settings], Iterator[Outcome]]


def _run(
    work: Work,
    model: Model,
    photographs: list[Photograph],
    out: Path,
    config: AutomaticConfig,
    form: Format,
    left_open: list[str],
) -> list[Outcome]:
    """left_open: settings that the weights may bring along."""
    from anymask.predict.load import load

    with download_bar(f"fetching {model.weights}") as bar:
        sam = load(
            model.weights,
            device=model.device,
            dtype=model.dtype,
            offline=model.offline or None,
            on_progress=bar,
        )
    own = {name: value for name, value in sam.everything.items() if name in left_open}
    if own:
        config = replace(config, **own)  # type: ignore[arg-type]
        options = [f"--{name.replace('_', '-')} {value:g}" for name, value in own.items()]
        typer.echo(f"{model.weights} was trained for {' '.join(options)}", err=True)
    settings = Settings(sam.model_id, sam.dtype_name, config, form)
    outcomes = []
    with work_bar(len(photographs)) as step:
        for outcome in work(model, sam, photographs, out, settings):
            outcomes.append(outcome)
            step(outcome.state == State.done, "")
    return outcomes


def _here(
    model: Model, sam: Promptable, photographs: list[Photograph], out: Path, settings: Settings
) -> Iterator[Outcome]:
    return segment_all(sam, photographs, out, settings)


def _on_cluster(actors: int | None) -> Work:
    """Imports ray at once: that it is missing is said before anything is loaded."""
    from anymask.jobs.ray_cluster import Weights, segment_fleet

    def work(
        model: Model, sam: Promptable, photographs: list[Photograph], out: Path, settings: Settings
    ) -> Iterator[Outcome]:
        offline = model.offline or None
        asked = Weights(model.weights, model.device, model.dtype, offline, settings.model)
        return segment_fleet(asked, photographs, out, settings, actors)

    return work


def _summary(outcomes: list[Outcome], unread: list[Unread], out: Path) -> dict[str, Any]:
    count = Counter(outcome.state for outcome in outcomes)
    return {
        "out": str(out),
        "images": len(outcomes),
        "done": count[State.done],
        "already": count[State.already],
        "masks": sum(outcome.masks for outcome in outcomes),
        "broken": [
            {"image": outcome.name, "reason": outcome.reason}
            for outcome in outcomes
            if outcome.state == State.broken
        ],
        "unread": [{"path": one.name, "reason": one.reason} for one in unread],
    }


def _report(summary: dict[str, Any]) -> None:
    """Say on stderr how it went; what is wrong comes last, where a person looks first."""
    broken, unread = summary["broken"], summary["unread"]
    images = "1 image" if summary["images"] == 1 else f"{summary['images']} images"
    counts = f"{summary['done']} done, {summary['already']} there already, {len(broken)} broken"
    typer.echo(f"{images}: {counts}", err=True)
    for one in broken:
        typer.echo(f"  {one['reason']}", err=True)
    for one in unread:
        typer.echo(f"  {one['path']} {one['reason']}", err=True)
