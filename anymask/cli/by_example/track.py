"""``anymask track``: what is labelled in a frame, followed through a film."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from anymask.cli.by_example.example_options import load_tracker
from anymask.cli.by_example.known_frames import labels_by_example, labels_of_clicks, read_given
from anymask.cli.options import (
    EXIT_INTERRUPTED,
    BandsOption,
    DeviceOption,
    OfflineOption,
    WeightsOption,
    WindowOption,
    read_options,
)
from anymask.cli.progress import tell, work_bar
from anymask.cli.segmenting.object_options import objects_of
from anymask.core.atomic import check_file_writable, check_not_input, check_writable
from anymask.datasets.filming.frames import Frames, open_frames
from anymask.errors import OutputError
from anymask.jobs.tracking import Track, Tracked, TrackFormat, begin, follow, overlay
from anymask.predict.load import ModelSource
from anymask.weights.registry import DEFAULT

FILM_ENDINGS = (".mp4", ".m4v", ".mov", ".webp")
OVERLAY = "overlay.mp4"
TOLD = 3  # frames that are least sure


def track(
    film: Annotated[
        list[str],
        typer.Argument(
            metavar="VIDEO|FRAMES",
            help="A video file, or the frames: images, a folder, a quoted glob; 9 comes before 10.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for a mask a frame.", show_default=False),
    ],
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FRAME:MASK",
            help="A frame, by its file or its number from 1 on, and its mask: one value, or a "
            "value for each object. Several: each is followed until the next. The image may be "
            "none of the frames: then it shows what to look for in --frame.",
            show_default=False,
        ),
    ] = None,
    point: Annotated[
        list[str],
        typer.Option(
            metavar="X,Y[,0|1]",
            help="A click on the object in --frame; X,Y,0 on what does not belong to it.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 (typer copies it)
    box: Annotated[
        list[str],
        typer.Option(
            metavar="X0,Y0,X1,Y1",
            help="A box around an object in --frame; several boxes are several objects.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    frame: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="The frame that points and boxes are in, from 1 on."),
    ] = 1,
    form: Annotated[
        TrackFormat,
        typer.Option(
            "--format",
            help="png: a palette picture whose values are objects; json: an SA-1B record.",
        ),
    ] = TrackFormat.png,
    video: Annotated[
        Path | None,
        typer.Option(
            metavar="MP4",
            help=f"The film with the masks over it; {OVERLAY} in --out if not given. .webp is an "
            "animation.",
            show_default=False,
        ),
    ] = None,
    no_video: Annotated[bool, typer.Option("--no-video", help="Write masks alone.")] = False,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=240,
            metavar="N",
            help="Frames a second of that film; the video's own, else 24.",
            show_default=False,
        ),
    ] = None,
    weights: WeightsOption = DEFAULT,
    bands: BandsOption = None,
    window: WindowOption = None,
    device: DeviceOption = "auto",
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON on standard output.")
    ] = False,
) -> None:
    """Follow what is labelled in one frame, or clicked on, through all others.

    A mask for each frame, and a film of them. Stop it at any time, and run it again to go on. The
    frames that it is least sure of are told: give one of them a mask by another --like.
    """
    objects = objects_of(point, box, [], [])
    if objects and like:
        raise typer.BadParameter("--like takes the place of --point and --box")
    if not objects and not like:
        raise typer.BadParameter("say what to follow: --like, --point or --box")
    if no_video and (video is not None or fps is not None):
        raise typer.BadParameter("--no-video leaves nothing to --video and --fps")
    frames = open_frames(film, read_options(None, bands, window))
    if frame > len(frames):
        raise typer.BadParameter(f"--frame {frame}: the film has {len(frames)} frames")
    target = None if no_video else video or out / OVERLAY
    _check_places(frames, out, target)
    given = read_given(like or [], frames)
    predictor = load_tracker(ModelSource(weights, device, "float32", offline or None))
    try:
        known = dict(given.known)
        if given.elsewhere:
            known = {frame - 1: labels_by_example(predictor, frames, frame - 1, given.elsewhere)}
        elif objects:
            known = {frame - 1: labels_of_clicks(predictor, frames, frame - 1, objects)}
        job = Track(frames, known, given.names, form)
        begin(job, out, predictor.model_id)
        tell(f"following through {len(frames)} frames, by {predictor.model_id.partition('@')[0]}")
        tracked = _with_bar(follow(predictor, job, out), len(frames))
        if target is not None:
            target = overlay(job, out, fps or frames.fps, target)
    except KeyboardInterrupt:
        typer.echo("anymask: stopped; run the same command again to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _report(job, tracked, out, target, json_)


def _check_places(frames: Frames, out: Path, target: Path | None) -> None:
    """Raise ``OutputError`` for what can't be written, or is read; before anything is loaded."""
    check_writable(out)
    files = frames.files()
    if any(out.resolve() == file.resolve().parent for file in files):
        raise OutputError(f"the frames lie in {out}, where masks would mix with them")
    if target is None:
        return
    if target.suffix.lower() not in FILM_ENDINGS:
        raise typer.BadParameter(f"--video {target} must end in one of {', '.join(FILM_ENDINGS)}")
    check_file_writable(target)
    check_not_input(target, *files)


def _with_bar(answers: Iterator[Tracked], total: int) -> list[Tracked]:
    """All frames, counted on a bar as they come."""
    tracked = []
    with work_bar(total, "frames") as step:
        for one in answers:
            tracked.append(one)
            step(one.is_new, "")
    return tracked


def _report(
    job: Track, tracked: list[Tracked], out: Path, target: Path | None, as_json: bool
) -> None:
    """How it went, and which frames to look at; the places of masks and film on stdout."""
    names = job.frames.names
    least = sorted((one for one in tracked if one.number not in job.known), key=lambda t: t.least)
    new = sum(one.is_new for one in tracked)
    typer.echo(f"{len(tracked)} frames: {new} done, {len(tracked) - new} there already", err=True)
    told = ", ".join(f"{names[one.number]} ({one.least:.2f})" for one in least[:TOLD])
    if told:
        typer.echo(f"least sure of: {told}", err=True)
    if as_json:
        scores = {names[one.number]: dict(one.scores) for one in tracked}
        film = None if target is None else str(target)
        typer.echo(json.dumps({"out": str(out), "video": film, "scores": scores}))
        return
    typer.echo(str(out))
    if target is not None:
        typer.echo(str(target))
