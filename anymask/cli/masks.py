"""``anymask masks``: everything in many images, what is like an example, or what words name.

It is a job that may be stopped and run again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from anymask.cli.by_example.example_options import (
    LikeOption,
    UnlikeOption,
    examples_of,
    load_predictor,
    refuse_with_like,
)
from anymask.cli.by_words.among import AmongOption, check_among
from anymask.cli.by_words.text_options import (
    TextOption,
    load_finder,
    refuse_with_text,
    texts_of,
)
from anymask.cli.everything_options import (
    BoxNmsThreshOption,
    CropLayersOption,
    CropNmsThreshOption,
    CropOverlapOption,
    CropPointsOption,
    FastOption,
    MinRegionAreaOption,
    PointsPerBatchOption,
    PointsPerSideOption,
    PredIouThreshOption,
    Preset,
    PresetOption,
    StabilityScoreOffsetOption,
    StabilityScoreThreshOption,
    configure,
    own_thresholds,
)
from anymask.cli.options import (
    EXIT_INTERRUPTED,
    ActorsOption,
    BandsOption,
    DeviceOption,
    DtypeOption,
    Executor,
    ExecutorOption,
    OfflineOption,
    WeightsOption,
    WindowOption,
    check_actors,
    read_options,
)
from anymask.cli.progress import download_bar, tell, work_bar
from anymask.core.atomic import check_writable
from anymask.core.read_options import ReadOptions
from anymask.datasets.photographs import PhotographListing, Unread, find_photographs
from anymask.datasets.prompting.candidate_file import CandidateFile
from anymask.datasets.prompting.examples import Examples
from anymask.errors import Error
from anymask.jobs.coco_run import COCO_FILE
from anymask.jobs.likeness import Likeness
from anymask.jobs.many_images import Outcome, Settings, State, named_results, segment_all
from anymask.jobs.outputs import check_outputs
from anymask.jobs.results import Format
from anymask.jobs.words import Words
from anymask.predict.in_context.predictor import InContextPredictor
from anymask.predict.load import ModelSource
from anymask.predict.promptable import Promptable
from anymask.predict.words.load import WordsFinder
from anymask.weights.registry import DEFAULT

EXIT_BROKEN = 1
ALL = "all"


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
            "and metadata.csv; overlay: a picture of all masks over the image; labels: one 16-bit "
            "picture of instance numbers; coco: instances.json for all images.",
        ),
    ] = Format.json,
    weights: WeightsOption = DEFAULT,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    text: TextOption = None,
    among: AmongOption = None,
    preset: PresetOption = Preset.official,
    fast: FastOption = False,
    points_per_side: PointsPerSideOption = None,
    points_per_batch: PointsPerBatchOption = None,
    pred_iou_thresh: PredIouThreshOption = None,
    stability_score_thresh: StabilityScoreThreshOption = None,
    stability_score_offset: StabilityScoreOffsetOption = None,
    box_nms_thresh: BoxNmsThreshOption = None,
    crop_n_layers: CropLayersOption = None,
    crop_nms_thresh: CropNmsThreshOption = None,
    crop_overlap_ratio: CropOverlapOption = None,
    crop_n_points_downscale_factor: CropPointsOption = None,
    min_mask_region_area: MinRegionAreaOption = None,
    page: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help="The page of TIFFs, or frame of animations, counted from 1; all: each is an image "
            "of its own (stack-p0003 of stack.tif).",
            show_default=False,
        ),
    ] = None,
    bands: BandsOption = None,
    window: WindowOption = None,
    executor: ExecutorOption = Executor.process,
    actors: ActorsOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON on standard output.")
    ] = False,
) -> None:
    """Find all masks in many images; stop it at any time, and run it again to go on.

    With --like, what an example shows: label one image, and carry it over to all others. With
    --text, what words name, labelled so. Images that are done are passed over. Several processes
    may share one folder. Images that can't be read are listed at the end.
    """
    flags = {
        "fast": fast,
        "points_per_side": points_per_side,
        "points_per_batch": points_per_batch,
        "pred_iou_thresh": pred_iou_thresh,
        "stability_score_thresh": stability_score_thresh,
        "stability_score_offset": stability_score_offset,
        "box_nms_thresh": box_nms_thresh,
        "crop_n_layers": crop_n_layers,
        "crop_nms_thresh": crop_nms_thresh,
        "crop_overlap_ratio": crop_overlap_ratio,
        "crop_n_points_downscale_factor": crop_n_points_downscale_factor,
        "min_mask_region_area": min_mask_region_area,
    }
    check_actors(actors, executor)
    source = ModelSource(weights, device, dtype, offline or None)
    reading = read_options(None if page == ALL else _page(page), bands, window)
    examples = examples_of(like or [], unlike or [], reading)
    config = configure(preset, flags)
    looked_for = _looked_for(examples, texts_of(text), among, preset, flags)
    try:
        listing = _fitting(_find(paths, out, format_, page == ALL), looked_for, reading)
        segment_on_cluster = _find_cluster(actors) if executor == Executor.ray else None
        model: Promptable | InContextPredictor | WordsFinder
        sought = "everything"
        if looked_for is None:
            model = sam = _load(source)
            config = replace(config, **own_thresholds(sam, weights, flags))
            # The same numbers on all machines, whatever their processors.
            source = replace(source, dtype=sam.dtype_name)
            settings = Settings(sam.model_id, sam.dtype_name, config, format_, reading)
        else:
            model, sought = _load_finder(source, looked_for)
            source = replace(source, dtype="float32")
            settings = Settings(model.model_id, source.dtype, looked_for, format_, reading)
        job = listing.photographs, out, settings
        if segment_on_cluster is None:
            outcomes = segment_all(model, *job)
        else:
            outcomes = segment_on_cluster(replace(source, model_id=model.model_id), *job)
        count = len(listing.photographs)
        tell(f"looking for {sought} in {'1 image' if count == 1 else f'{count} images'}")
        known = _with_bar(outcomes, count)
    except KeyboardInterrupt:
        typer.echo("anymask: stopped; run the same command again to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    summary = _summary(known, listing.unread, out)
    _report(summary)
    if json_:
        typer.echo(json.dumps(summary))
    elif summary["done"] or summary["already"]:
        typer.echo(str(out / COCO_FILE if format_ == Format.coco else out))
    if summary["broken"] or summary["unread"]:
        raise typer.Exit(EXIT_BROKEN)


def _page(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise typer.BadParameter(f"--page {text} is neither a number from 1 on nor all")
    return int(text)


def _find(paths: list[str], out: Path, form: Format, every_page: bool) -> PhotographListing:
    """The photographs, and all that can be refused before the weights are loaded."""
    check_writable(out)
    listing = find_photographs(paths, out)
    if every_page:
        listing = listing.by_page()
    for note in listing.notes():
        typer.echo(f"note: {note}", err=True)
    for folder, count in listing.results.items():
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        typer.echo(f"{folder} holds results of anymask masks: {pictures} passed over", err=True)
    if not listing.photographs:
        unread = "".join(f"; {file.name} {file.reason}" for file in listing.unread)
        raise Error(f"there are no images in {', '.join(paths)}{unread}")
    check_outputs(named_results(listing.photographs, form), out, form)
    return listing


def _looked_for(
    examples: Examples | None,
    texts: tuple[str, ...],
    among: str | None,
    preset: Preset,
    flags: dict[str, Any],
) -> Likeness | Words | None:
    """What examples show or words name; None for everything. Raises ``BadParameter``, ``Error``."""
    flags = {"preset": preset != Preset.official, **flags}
    if among is not None and not texts:
        raise typer.BadParameter("--among goes with --text")
    if texts:
        refuse_with_text({"like": examples, **flags})
        return Words(texts, None if among is None else CandidateFile.read(among))
    if examples is None:
        return None
    refuse_with_like(flags)
    return Likeness(examples)


def _fitting(
    listing: PhotographListing, looked_for: Likeness | Words | None, reading: ReadOptions
) -> PhotographListing:
    """The same. Raises ``Error`` for a file of candidates that is of none of these images."""
    if isinstance(looked_for, Words) and looked_for.among is not None:
        check_among(looked_for.among, listing.photographs, reading)
    return listing


def _load_finder(
    source: ModelSource, looked_for: Likeness | Words
) -> tuple[InContextPredictor | WordsFinder, str]:
    """What finds it, and what that is, for people."""
    model: InContextPredictor | WordsFinder
    if isinstance(looked_for, Words):
        model, sought = load_finder(source), ", ".join(looked_for.texts)
    else:
        model, sought = load_predictor(source, looked_for.examples), "what is like the example"
    return model, f"{sought}, by {model.model_id.partition('@')[0]},"


def _load(source: ModelSource) -> Promptable:
    with download_bar(f"fetching {source.weights}") as bar:
        return source.load(bar)


def _find_cluster(actors: int | None) -> Callable[..., Iterator[Outcome]]:
    """``segment_on_cluster``. Imports ray at once: that it is missing is said before all else."""
    from anymask.jobs.many_machines import segment_on_cluster

    return partial(segment_on_cluster, actors=actors)


def _with_bar(outcomes: Iterator[Outcome], total: int) -> list[Outcome]:
    """All outcomes, counted on a bar as they come."""
    known = []
    with work_bar(total) as step:
        for outcome in outcomes:
            known.append(outcome)
            step(outcome.state == State.done, "")
    return known


def _summary(outcomes: list[Outcome], unread: list[Unread], out: Path) -> dict[str, Any]:
    """What ``--json`` prints."""
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
        "unread": [{"path": file.name, "reason": file.reason} for file in unread],
        "hidden": [
            {"image": outcome.name, "masks": list(outcome.hidden)}
            for outcome in outcomes
            if outcome.hidden
        ],
        "missed": [
            {"image": outcome.name, "reasons": list(outcome.missed)}
            for outcome in outcomes
            if outcome.missed
        ],
    }


def _report(summary: dict[str, Any]) -> None:
    """Say on stderr how it went; what is wrong comes last, where a person looks first."""
    broken, unread = summary["broken"], summary["unread"]
    images = "1 image" if summary["images"] == 1 else f"{summary['images']} images"
    counts = f"{summary['done']} done, {summary['already']} there already, {len(broken)} broken"
    typer.echo(f"{images}: {counts}", err=True)
    if summary["hidden"]:
        typer.echo("masks that smaller ones hide wholly, and labels do not show:", err=True)
    for image in summary["hidden"]:
        typer.echo(f"  {image['image']}: {', '.join(map(str, image['masks']))}", err=True)
    if missed := summary["missed"]:
        first = f"{missed[0]['image']} ({missed[0]['reasons'][0]})"
        others = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
        typer.echo(f"not all that was asked for is in {first}{others}", err=True)
    for image in broken:
        typer.echo(f"  {image['reason']}", err=True)
    for file in unread:
        typer.echo(f"  {file['path']} {file['reason']}", err=True)
