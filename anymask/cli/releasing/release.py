"""``anymask dataset release``: a dataset in SA-1B's form, to be given away."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import anymask
from anymask.cli.options import DatasetArgument, ImagesOption, OfflineOption
from anymask.cli.progress import tell, work_bar
from anymask.cli.releasing.detector_options import (
    FacesOption,
    PlatesOption,
    ThoroughOption,
    chosen_detectors,
    detectors_json,
)
from anymask.datasets.dataset_options import DatasetOptions
from anymask.datasets.release.card import read_answers
from anymask.datasets.release.reduction import SHORT_SIDE_PX
from anymask.datasets.writing.folder import check_apart

if TYPE_CHECKING:
    from anymask.jobs.release import Progress

SHARD_IMAGES = 1000
NAMED = 10


def release(
    data: DatasetArgument,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="The folder to write, or to go on in.", show_default=False
        ),
    ],
    *,
    short_side: Annotated[
        int,
        typer.Option(metavar="PX", min=1, help="Larger images are made smaller to this side."),
    ] = SHORT_SIDE_PX,
    shard_size: Annotated[int, typer.Option(min=1, help="Images in a shard.")] = SHARD_IMAGES,
    blur: Annotated[
        bool, typer.Option("--blur/--no-blur", help="Blur faces and licence plates.")
    ] = True,
    faces: FacesOption = "",
    plates: PlatesOption = "",
    thorough: ThoroughOption = False,
    licence: Annotated[
        str, typer.Option(help="The licence of the whole, for its card.", show_default=False)
    ] = "",
    consent: Annotated[
        str,
        typer.Option(
            help="How the people in the images consented, and to what, for its card.",
            show_default=False,
        ),
    ] = "",
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="TOML",
            help="Your answers to the card's questions, a table for each section: "
            '[motivation] and below it purpose = "…".',
            show_default=False,
        ),
    ] = None,
    images: ImagesOption = "",
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the counts as JSON on standard output.")
    ] = False,
) -> None:
    """Write a dataset as SA-1B is published: tar shards, a card with its questions, a manifest.

    Images become JPEG without metadata, with faces and plates blurred as far as they are found.
    Labels are not kept. A stopped release goes on when the command is given again.
    """
    check_apart(out, [data, images])
    said = read_answers(answers) if answers else {}
    dataset = DatasetOptions(images=images).open(data)
    for note in dataset.notes:
        typer.echo(f"note: {note.name} {note.reason}", err=True)
    detectors = chosen_detectors(faces, plates, offline) if blur else {}
    from anymask.jobs.release import Progress, ReleaseSettings
    from anymask.jobs.release import release as write

    settings = ReleaseSettings(
        short_side,
        shard_size,
        detectors_json(faces, plates) if blur else {},
        thorough,
        licence,
        consent,
    )
    tell(f"releasing {dataset.kind} in {data}")
    unread: set[tuple[str, str]] = set()
    progress, made_by = Progress(), f"anymask {anymask.__version__}"
    with work_bar(len(dataset)) as step:
        for now in write(dataset, out, settings, detectors, said, made_by):
            for _ in range(now.part + 1 - progress.part if now.sample else 0):
                step(True, "")
            progress = now
            unread.update(now.unread)
    _tell(progress, unread, out, as_json=json_)


def _tell(
    progress: Progress, unread: Collection[tuple[str, str]], out: Path, as_json: bool
) -> None:
    """Say what was written and what could not be read."""
    for name, reason in sorted(unread)[:NAMED]:
        typer.echo(f"not read: {name} {reason.removeprefix(f'{name} ')}", err=True)
    if len(unread) > NAMED:
        typer.echo(f"not read: {len(unread) - NAMED} more", err=True)
    counts = {"out": str(out), **progress.counts}
    if as_json:
        typer.echo(json.dumps(counts))
        return
    numbers = ", ".join(f"{number} {what}" for what, number in progress.counts.items())
    typer.echo(numbers, err=True)
    typer.echo(str(out))
