"""``anymask dataset``: datasets checked, measured, blurred, released, in another format."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from anymask.cli.measuring.check import check
from anymask.cli.measuring.stats import stats
from anymask.cli.options import DatasetArgument, ImagesOption
from anymask.cli.progress import tell, work_bar
from anymask.cli.releasing.blur import blur
from anymask.cli.releasing.release import release
from anymask.datasets.dataset_options import DatasetOptions
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Dataset
from anymask.datasets.writing.annotated import AnnotatedImage, annotated_images
from anymask.datasets.writing.folder import ImageFiles, check_apart, check_new
from anymask.datasets.writing.formats import DatasetFormat, write
from anymask.datasets.writing.image_files import ImageFolders
from anymask.datasets.writing.losses import Losses, losses
from anymask.errors import Error

EXIT_REFUSED = 1

ABOUT = "Datasets: check, measure, blur, release and convert them."

app = typer.Typer(help=ABOUT, no_args_is_help=True)
for command in (check, stats, blur, release):
    app.command()(command)


@app.command()
def convert(
    data: DatasetArgument,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new folder to write.", show_default=False)
    ],
    to: Annotated[DatasetFormat, typer.Option("--to", help="What to write.", show_default=False)],
    images: ImagesOption = "",
    crowds: Annotated[
        str,
        typer.Option(
            metavar="objects|ignore",
            help="What COCO's iscrowd 1 means; otherwise the file decides.",
            show_default=False,
        ),
    ] = "",
    copy_images: Annotated[
        bool, typer.Option("--copy-images", help="Copy the images to where OUT looks for them.")
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Link them there instead of copying.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write without a question, whatever is lost.")
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print what was lost as JSON on standard output.")
    ] = False,
) -> None:
    """Write a dataset in another format.

    What the format can't keep is said in numbers before anything is written.
    """
    if copy_images and link:
        raise typer.BadParameter("--copy-images and --link exclude each other")
    files = ImageFiles.copied if copy_images else ImageFiles.linked if link else ImageFiles.none
    check_new(out)
    check_apart(out, [data, images])
    dataset = DatasetOptions(images=images, crowds=crowds).open(data)
    for note in dataset.notes:
        typer.echo(f"note: {note.name} {note.reason}", err=True)
    tell(f"looking at {dataset.kind} in {data}")
    unread: list[Unread] = []
    with work_bar(len(dataset)) as step:
        lost = losses(_passing(dataset, unread, step), to)
    _report(lost, unread)
    if not lost.masks:
        raise Error(f"there is no mask in {data}")
    if not yes:
        _ask(bool(lost.losses or unread or dataset.notes))
    folders = ImageFolders(data, images) if link else None
    with work_bar(lost.images) as step:
        passing = _passing(dataset, [], step)
        write(map(folders.found, passing) if folders else passing, out, to, files)
    if json_:
        typer.echo(json.dumps(_summary(lost, dataset, unread, out)))
    else:
        typer.echo(str(out))


def _passing(
    dataset: Dataset, unread: list[Unread], step: Callable[[bool, str], None]
) -> Iterator[AnnotatedImage]:
    """The images, counted on a bar. unread: gets what can't be read, and what is left out."""
    for image in annotated_images(dataset, unread.append):
        yield image
        step(True, "")


def _report(lost: Losses, unread: list[Unread]) -> None:
    """Say on stderr what there is, what can't be read, and what the format loses."""
    typer.echo(lost.title(), err=True)
    for line in lost.lines() or ["nothing"]:
        typer.echo(f"  {line}", err=True)
    for title, entries in _by_kind(unread):
        typer.echo(f"{title}:", err=True)
        for entry in entries:
            typer.echo(f"  {entry.name} {entry.reason}", err=True)


def _by_kind(unread: list[Unread]) -> Iterator[tuple[str, list[Unread]]]:
    kinds = (("not read, and not in it", False), ("read but for this", True))
    for title, is_part in kinds:
        entries = [one for one in unread if isinstance(one, LeftOut) == is_part]
        if entries:
            yield title, entries


def _ask(is_lossy: bool) -> None:
    """Ask whether to go on where anything is lost, or left out. Raises ``Exit`` and ``Error``."""
    if not is_lossy:
        return
    if not sys.stdin.isatty():
        raise Error(
            "nothing is written, because something would be lost; --yes writes all the rest"
        )
    if not typer.confirm("Write it?", default=False, err=True):
        raise typer.Exit(EXIT_REFUSED)


def _summary(lost: Losses, dataset: Dataset, unread: list[Unread], out: Path) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "out": str(out),
        **lost.to_json(),
        "notes": _entries(dataset.notes),
        "unread": _entries(one for one in unread if not isinstance(one, LeftOut)),
        "left_out": _entries(one for one in unread if isinstance(one, LeftOut)),
    }


def _entries(unread: Iterable[Unread]) -> list[dict[str, str]]:
    return [{"name": one.name, "reason": one.reason} for one in unread]
