"""``anymask engine``: the work of annotators: how it goes, copies of it, and who may do it."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from anymask.cli.filling.automatic import automatic
from anymask.cli.filling.importing import import_
from anymask.cli.filling.liking import like
from anymask.cli.filling.prefilling import prefill
from anymask.cli.running.auditing import audit
from anymask.cli.running.choose import choose
from anymask.cli.running.detector import detector
from anymask.cli.running.retraining import retrain
from anymask.cli.running.simulating import simulate
from anymask.cli.running.stage import stage
from anymask.cli.running.status import status
from anymask.cli.serving.stores import StoreArgument, open_store
from anymask.datasets.writing.folder import ImageFiles, check_new
from anymask.datasets.writing.formats import DatasetFormat, write
from anymask.datasets.writing.losses import losses

app = typer.Typer(
    help="The work of annotators: status, backup, import, export, prefill, people.",
    no_args_is_help=True,
)
people = typer.Typer(help="Annotators: add, list and remove them.", no_args_is_help=True)
app.add_typer(people, name="annotators")
app.add_typer(audit, name="audit")


class RoleName(StrEnum):
    """What an annotator may do."""

    annotator = "annotator"
    reviewer = "reviewer"
    admin = "admin"


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the annotator.")]


@app.command()
def backup(
    where: StoreArgument,
    to: Annotated[
        str,
        typer.Argument(
            metavar="TO", help="A file that is not there yet, or an empty database postgresql://…"
        ),
    ],
) -> None:
    """Copy a store, also while people work on it; the copy can be annotated on."""
    with open_store(where) as store:
        from anymask.engine.store.backup import back_up

        back_up(store, to)
    typer.echo(to)


@app.command()
def export(
    where: StoreArgument,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new folder to write.", show_default=False)
    ],
    to: Annotated[DatasetFormat, typer.Option("--to", help="What to write.")] = DatasetFormat.coco,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Copy the images from here to where OUT looks for them."
        ),
    ] = None,
) -> None:
    """Write all masks of images that were worked on for another tool.

    What the format can't keep is said in numbers before anything is written.
    """
    check_new(out)
    with open_store(where) as store:
        from anymask.engine.exporting import annotated_images_of
        from anymask.engine.pictures.folder import ImageFolder

        lost = losses(annotated_images_of(store), to)
        typer.echo(lost.title(), err=True)
        for line in lost.lines() or ["nothing"]:
            typer.echo(f"  {line}", err=True)
        folder = None if images is None else ImageFolder(images)
        files = ImageFiles.none if images is None else ImageFiles.copied
        write(annotated_images_of(store, folder), out, to, files)
    typer.echo(str(out))


app.command("import")(import_)
app.command("automatic")(automatic)
app.command("prefill")(prefill)
app.command("like")(like)
app.command("choose")(choose)
app.command("detector")(detector)
app.command("retrain")(retrain)
app.command("simulate")(simulate)
app.command("stage")(stage)
app.command("status")(status)


@people.command("add")
def add(
    where: StoreArgument,
    name: NameArgument,
    role: Annotated[
        RoleName,
        typer.Option(help="A reviewer accepts and returns images, an admin also takes them over."),
    ] = RoleName.annotator,
) -> None:
    """Add somebody, and print what their link ends with; it is shown this once."""
    with open_store(where) as store:
        from anymask.engine.store.annotators import add_annotator

        annotator, token = store.write(add_annotator, name, role.value)
    _tell_link(annotator.name, token)


@people.command("renew")
def renew(where: StoreArgument, name: NameArgument) -> None:
    """Give somebody another link; the old one is good no more."""
    with open_store(where) as store:
        from anymask.engine.store.annotators import annotator_named, renew_token

        annotator = store.read(annotator_named, name)
        token = store.write(renew_token, annotator.id)
    _tell_link(annotator.name, token)


@people.command("list")
def list_(where: StoreArgument, json_: JsonOption = False) -> None:
    """List who works here, and who did."""
    with open_store(where) as store:
        from anymask.engine.store.annotators import list_annotators

        annotators = store.read(list_annotators)
    if json_:
        typer.echo(json.dumps([asdict(annotator) for annotator in annotators], indent=2))
        return
    table = Table("name", "role", "works here", box=None)
    for annotator in annotators:
        table.add_row(annotator.name, annotator.role, "yes" if annotator.is_active else "no")
    Console().print(table)


@people.command("remove")
def remove(where: StoreArgument, name: NameArgument) -> None:
    """Let somebody in no more; their work stays, under their name."""
    with open_store(where) as store:
        from anymask.engine.store.annotators import annotator_named, change_annotator

        annotator = store.read(annotator_named, name)
        store.write(change_annotator, annotator.id, is_active=False)


def _tell_link(name: str, token: str) -> None:
    typer.echo(
        f"{name} opens the address of `anymask annotate` with this behind it, once:", err=True
    )
    typer.echo(f"/?token={token}")
