"""``anymask engine automatic``: everything that the model finds, as masks (§4, stage 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anymask.cli.everything_options import (
    OWN_THRESHOLDS,
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
    as_options,
    configure,
    own_thresholds,
)
from anymask.cli.filling.passed_over import tell_passed_over
from anymask.cli.options import (
    ActorsOption,
    DeviceOption,
    DtypeOption,
    Executor,
    ExecutorOption,
    OfflineOption,
    check_actors,
)
from anymask.cli.progress import download_bar, tell, work_bar
from anymask.cli.serving.models import ModelInUseOption, ModelsOption, model_in_use_of
from anymask.cli.serving.stores import FolderOption, StoreArgument, folder_of, open_store
from anymask.errors import Error

if TYPE_CHECKING:
    from anymask.engine.stages.automatic import Filled, Segment
    from anymask.engine.store.store import Store
    from anymask.engine.store.values import State
    from anymask.jobs.many_images import Settings
    from anymask.predict.load import ModelSource
    from anymask.predict.promptable import Promptable

JOBS = "everything"  # the ending of the folder of what the store has not yet


class FilledState(StrEnum):
    """Which images are taken."""

    new = "new"
    started = "started"
    done = "done"
    skipped = "skipped"


def automatic(
    where: StoreArgument,
    images: FolderOption = None,
    states: Annotated[
        list[FilledState] | None,
        typer.Option(
            "--state",
            help="Take images of this state, new ones if none is given; may be repeated. Those "
            "that an older model did alone are taken in any case.",
            show_default=False,
        ),
    ] = None,
    weights: ModelInUseOption = None,
    models: ModelsOption = None,
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
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where what is found lies until the store has it. By default beside the store.",
            show_default=False,
        ),
    ] = None,
    executor: ExecutorOption = Executor.process,
    actors: ActorsOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print what was done as JSON on standard output.")
    ] = False,
) -> None:
    """Make masks of everything that the model finds; the images are done then, to be reviewed.

    Ended at any moment, it goes on where it was. An image that somebody is at is passed over, and
    taken the next time; held-out images are left alone. A newer model's masks take the place of an
    older one's that no person touched. The thresholds are those that the last audit suggests.
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
    taken: list[State] = [state.value for state in states or [FilledState.new]]
    with open_store(where) as store:
        from anymask.engine.pictures.folder import ImageFolder
        from anymask.engine.stages.automatic import Pass, fill, images_to_fill
        from anymask.engine.stages.running import running
        from anymask.jobs.many_images import Settings
        from anymask.jobs.results import Format
        from anymask.predict.load import ModelSource

        folder = folder_of(where, images)
        choice = model_in_use_of(store, weights, where, models)
        source = ModelSource(choice.weights, device, dtype, offline or None)
        cluster = _cluster(actors) if executor == Executor.ray else None
        flags |= _audited_thresholds(store, flags)
        with download_bar(f"fetching {source.weights}") as bar:
            sam = source.load(bar)
        config = configure(preset, flags)
        config = replace(config, **own_thresholds(sam, source.weights, flags))
        source = replace(source, dtype=sam.dtype_name)  # on all machines
        settings = Settings(sam.model_id, sam.dtype_name, config, Format.json)
        segment, look = _segment(sam, source, cluster), Pass.of(settings)
        filled: list[Filled] = []
        with running(store, "automatic", None, tell) as run:
            to_do = images_to_fill(store, look, taken)
            run.total = len(to_do)
            out = _jobs_folder(store, work) / look.key.rpartition(" ")[2]
            with work_bar(len(to_do)) as step:
                for one in fill(store, ImageFolder(folder), to_do, out, settings, segment):
                    filled.append(one)
                    step(one.added is not None, "")
                    run.step(len(filled))
    _tell(filled, settings, as_json=json_)


def _audited_thresholds(store: Store, flags: Mapping[str, float | None]) -> dict[str, float]:
    """The thresholds that the last audit suggests, where none are given."""
    from anymask.engine.store.automation.audits import latest_figures

    latest = store.read(latest_figures)
    suggested = None if latest is None else latest[1].get("thresholds")
    if latest is None or suggested is None:
        return {}
    own = {name: suggested[name] for name in OWN_THRESHOLDS if flags[name] is None}
    if own:
        day = f"{latest[0].started_at.astimezone():%Y-%m-%d}"
        typer.echo(f"by the audit of {day}: {as_options(own)}", err=True)
    return own


def _cluster(actors: int | None) -> Any:
    """What segments on a cluster. Imports ray at once: that it is missing is said before all."""
    from anymask.jobs.many_machines import segment_results_on_cluster

    return partial(segment_results_on_cluster, actors=actors)


def _segment(sam: Promptable, source: ModelSource, cluster: Any) -> Segment:
    from anymask.jobs.many_images import segment_results

    if cluster is None:
        return partial(segment_results, sam)
    return partial(cluster, replace(source, model_id=sam.model_id))


def _jobs_folder(store: Store, named: Path | None) -> Path:
    """Where jobs lie until the store has what they found.

    Raises ``Error`` for a database, beside which is nothing, where none is named.
    """
    if named is not None:
        return named
    if store.path is None:
        raise Error(
            f"{store.name} is no file: say with --work in which folder lies what is found until it "
            "is stored"
        )
    return store.path.with_name(f"{store.path.name}.{JOBS}")


def _tell(filled: list[Filled], settings: Settings, *, as_json: bool) -> None:
    """What became of it."""
    done = [one.added for one in filled if one.added is not None]
    passed = [one for one in filled if one.added is None]
    sums = {
        name: sum(getattr(one, name) for one in done)
        for name in ("added", "known", "replaced", "withdrawn")
    }
    if as_json:
        facts = {"model_id": settings.model, "images": len(done), **sums}
        facts["thresholds"] = {name: getattr(settings.config, name) for name in OWN_THRESHOLDS}
        facts["passed_over"] = [{"image": one.name, "reason": one.reason} for one in passed]
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{_counted(sums['added'], 'mask')} in {_counted(len(done), 'image')}")
    notes = {
        "known": "left out, like others that the image has or that a person removed",
        "replaced": "of an older model gone, which no person had touched",
        "withdrawn": "suggested before, and masks now",
    }
    for name, words in notes.items():
        if sums[name]:
            typer.echo(f"{_counted(sums[name], 'mask')} {words}", err=True)
    tell_passed_over([(one.name, one.reason) for one in passed])


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
