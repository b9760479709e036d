"""``anymask``: the commands, and how their errors reach a person."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import anymask
from anymask.cli import evaluate, export, masks, segment, train, web, weights
from anymask.cli.options import EXIT_INTERRUPTED
from anymask.errors import Error

EXIT_ERROR = 1

app = typer.Typer(
    name="anymask",
    help="Segment anything: a click, a box, a rough mask in; masks out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("segment")(segment.segment)
app.command("masks")(masks.masks)
app.command("web")(web.web)
app.command("train")(train.train)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(weights.app, name="weights")
app.add_typer(export.app, name="export")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"anymask {anymask.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Segment anything: a click, a box, a rough mask in; masks out."""


def main() -> None:
    """Run the command line: exit 0, 1 for an error explained in a line, 2 for wrong usage."""
    try:
        app()
    except Error as error:
        typer.echo(f"anymask: {error}", err=True)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        typer.echo("anymask: stopped", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # a reader such as `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
