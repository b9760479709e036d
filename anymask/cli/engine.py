"""``anymask engine``: the work of annotators: how it goes, copies of it, and who may do it."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from anymask.cli.filling.importing import import_
from anymask.cli.filling.prefilling import prefill
from anymask.cli.running.detector import detector
from anymask.cli.running.retraining import retrain
from anymask.cli.serving.stores import StoreArgument, open_store
from anymask.datasets.writing.folder import ImageFiles, check_new
from anymask.datasets.writing.formats import DatasetFormat, write
from anymask.datasets.writing.losses import losses

if TYPE_CHECKING:
    from anymask.engine.store.values import Tally

app = typer.Typer(
    help="The work of annotators: status, backup, import, export, prefill, people.",
    no_args_is_help=True,
)
people = typer.Typer(help="Annotators: add, list and remove them.", no_args_is_help=True)
app.add_typer(people, name="annotators")


class By(StrEnum):
    """What figures are told apart by."""

    day = "day"
    annotator = "annotator"
    model = "model"
    each = "each"


class RoleName(StrEnum):
    """What an annotator may do."""

    annotator = "annotator"
    reviewer = "reviewer"
    admin = "admin"


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the annotator.")]
KEYS = {
    By.day: ("day",),
    By.annotator: ("annotator",),
    By.model: ("model_id",),
    By.each: ("day", "annotator", "model_id"),
}


@app.command()
def status(
    where: StoreArgument,
    by: Annotated[
        By, typer.Option(help="A line for each day, annotator or model, or for each of all three.")
    ] = By.each,
    json_: JsonOption = False,
) -> None:
    """Print how far the work is, seconds per mask and masks per image."""
    with open_store(where) as store:
        from anymask.engine.store.images import count_images
        from anymask.engine.store.tallies import status as tallies_of
        from anymask.engine.store.tallies import summed

        counts, tallies = store.read(count_images), store.read(tallies_of)
    keys = KEYS[by]
    lines = summed(tallies, keys)  # type: ignore[arg-type]
    total = summed(tallies)
    if json_:
        facts = {"images": counts.images, "masks": counts.masks, "states": dict(counts.states)}
        facts |= {"tallies": [_facts(one) for one in lines], "total": [_facts(x) for x in total]}
        typer.echo(json.dumps(facts, indent=2, default=str))
        return
    states = ", ".join(f"{number} {state}" for state, number in counts.states.items() if number)
    typer.echo(f"{counts.images} images ({states}), {counts.masks} masks")
    table = Table(*keys, "images", "masks", "s/mask", "masks/image", "clicks", "strokes", box=None)
    for tally in lines:
        table.add_row(*(str(getattr(tally, key) or "–") for key in keys), *_cells(tally))
    for tally in total if len(lines) > 1 else ():
        table.add_row("all", *[""] * (len(keys) - 1), *_cells(tally))
    Console().print(table)


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
app.command("prefill")(prefill)
app.command("detector")(detector)
app.command("retrain")(retrain)


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


def _cells(tally: Tally) -> list[str]:
    """Figures for people."""
    return [
        str(tally.images),
        str(tally.masks),
        _rounded(tally.seconds_per_mask),
        _rounded(tally.masks_per_image),
        str(tally.clicks_add + tally.clicks_remove),
        str(tally.strokes),
    ]


def _rounded(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.1f}"


def _facts(tally: Tally) -> dict[str, object]:
    ratios = {
        "seconds_per_mask": tally.seconds_per_mask,
        "masks_per_image": tally.masks_per_image,
    }
    return asdict(tally) | ratios
