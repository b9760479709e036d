"""The commands of ``anymask``, each imported when it is used: ``--help`` waits for none of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer

import anymask
from anymask.cli.command_group import Command, CommandGroup, Context
from anymask.cli.interrupts import EXIT_INTERRUPTED, STOPPED

Formatter = Any  # click's, as ``Command`` is


@dataclass(frozen=True)
class CommandHome:
    """Where a command is: a function in a module, or a group of commands; and what it is for."""

    module: str
    attribute: str
    about: str


HOMES = {
    "segment": CommandHome(
        "anymask.cli.segment",
        "segment",
        "Segment what points, boxes, scribbles and masks point at.",
    ),
    "masks": CommandHome("anymask.cli.masks", "masks", "Find all masks in many images."),
    "track": CommandHome(
        "anymask.cli.by_example.track",
        "track",
        "Follow what is labelled in one frame.",
    ),
    "web": CommandHome("anymask.cli.web", "web", "Serve a page where a click gives masks to save."),
    "annotate": CommandHome(
        "anymask.cli.annotate", "annotate", "Label a folder of images, with the model's help."
    ),
    "engine": CommandHome(
        "anymask.cli.engine",
        "app",
        "The work of annotators: status, backup, import, export, prefill, people.",
    ),
    "train": CommandHome("anymask.cli.train", "train", "Train a model."),
    "evaluate": CommandHome(
        "anymask.cli.evaluate", "app", "The papers' experiments on any model and data."
    ),
    "rate": CommandHome(
        "anymask.cli.rate", "rate", "Rate masks of models and of the truth, from 1 to 10, blind."
    ),
    "dataset": CommandHome(
        "anymask.cli.dataset", "app", "Datasets: check, measure, blur, release and convert them."
    ),
    "weights": CommandHome("anymask.cli.weights", "app", "Weights: list, fetch and convert them."),
    "export": CommandHome(
        "anymask.cli.export", "app", "Models for other runtimes: the browser, onnxruntime."
    ),
}


class LazyCommands(CommandGroup):
    """Commands by their homes, in the order of ``--help``."""

    def list_commands(self, context: Context) -> list[str]:
        """The names of all commands."""
        return list(HOMES)

    def get_command(self, context: Context, name: str) -> Command | None:
        """The command of a name, imported now."""
        return load_command(name) if name in HOMES else None

    def format_commands(self, context: Context, formatter: Formatter) -> None:
        """Write the list of ``--help`` without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, home.about) for name, home in HOMES.items()])

    def invoke(self, context: Context) -> Any:
        """Run a command; typer itself would end it without a word when it is stopped."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            typer.echo(STOPPED, err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None


@cache
def load_command(name: str) -> Command:
    """Import a command."""
    home = HOMES[name]
    here = getattr(import_module(home.module), home.attribute)
    # As a part of another: a command that stands alone would offer to install its completion.
    whole = typer.Typer(add_completion=False, rich_markup_mode=None)
    if isinstance(here, typer.Typer):
        whole.add_typer(here, name=name)
    else:
        whole.command(name)(here)
    whole.callback()(_nothing)
    group = typer.main.get_command(whole)
    return group.commands[name]  # type: ignore[attr-defined]


def _nothing() -> None:
    """A callback makes a group even of a single command."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"anymask {anymask.__version__}")
        raise typer.Exit


app = typer.Typer(
    name="anymask",
    cls=LazyCommands,
    help="Segment anything: a click, a box, a rough mask in; masks out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Segment anything: a click, a box, a rough mask in; masks out."""
