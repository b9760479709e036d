"""``anymask dataset blur``: a folder of images again, with faces and plates blurred."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from anymask.cli.options import OfflineOption
from anymask.cli.progress import work_bar
from anymask.cli.releasing.detector_options import (
    FacesOption,
    PlatesOption,
    ThoroughOption,
    chosen_detectors,
    detectors_json,
)
from anymask.datasets.photographs import find_photographs
from anymask.datasets.writing.folder import check_apart
from anymask.errors import Error, explained

EXIT_BROKEN = 1


def blur(
    images: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="A folder, image, glob, tar shard or URL.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="The folder to write, or to go on in.", show_default=False
        ),
    ],
    *,
    faces: FacesOption = "",
    plates: PlatesOption = "",
    thorough: ThoroughOption = False,
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the counts as JSON on standard output.")
    ] = False,
) -> None:
    """Write images again with faces and licence plates blurred, upright and without metadata.

    What was found is in boxes.json. No detector finds all: look at the result, and see the card of
    a dataset for what is known. A stopped job goes on when the command is given again.
    """
    check_apart(out, [images])
    listing = find_photographs([images], out)
    for unread in listing.unread:
        typer.echo(f"not read: {unread.name} {unread.reason}", err=True)
    for note in listing.notes():
        typer.echo(note, err=True)
    if not listing.photographs:
        raise Error(f"there is no image in {images}")
    detectors = chosen_detectors(faces, plates, offline)
    try:
        from anymask.jobs.blurred_images import REPORT, blur_all
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    counts: Counter[str] = Counter(images=0, broken=len(listing.unread))
    settings = {"detectors": detectors_json(faces, plates)}
    with work_bar(len(listing.photographs)) as step:
        for outcome in blur_all(listing.photographs, out, detectors, settings, thorough):
            counts["broken" if outcome.reason else "images"] += 1
            counts.update(outcome.found or {})
            if outcome.reason:
                typer.echo(f"not written: {outcome.reason}", err=True)
            step(outcome.is_new, "")
    if json_:
        typer.echo(json.dumps({"out": str(out), "boxes": str(out / REPORT), **counts}))
    else:
        typer.echo(str(out))
    if counts["broken"]:
        raise typer.Exit(EXIT_BROKEN)
