"""``anymask engine import``: masks that exist already, into a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.progress import tell, work_bar
from anymask.cli.serving.stores import StoreArgument, folder_of, open_store
from anymask.errors import Error

if TYPE_CHECKING:
    from anymask.engine.store.store import Store
    from anymask.engine.store.values import Annotator


def import_(
    where: StoreArgument,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="IN…",
            help="Files or folders of masks, in any format that anymask reads.",
            show_default=False,
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The folder that is annotated, where STORE does not lie in it.",
            show_default=False,
        ),
    ] = None,
    annotator: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whose step it is in the logs; by default yours.",
            show_default=False,
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be added.")
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print what was added as JSON on standard output.")
    ] = False,
) -> None:
    """Add masks that exist already to images that are annotated.

    Nothing is overwritten, and no mask is added twice: what was broken off goes on when it is given
    again. An annotator can undo it, image by image.
    """
    with open_store(where) as store:
        from anymask.engine.importing.importing import import_masks
        from anymask.engine.importing.reading import MaskFiles
        from anymask.engine.importing.report import ImportReport

        folder = images or folder_of(where)
        if not folder.is_dir():
            raise Error(f"there is no folder {folder}")
        me, report = _annotator(store, annotator), ImportReport()
        for location in data:
            files = MaskFiles.open(location, folder)
            tell(f"looking at {files.dataset.kind} in {location}")
            with work_bar(len(files)) as step:
                import_masks(
                    store, me, files, report, is_trial=dry_run, on_image=lambda: step(True, "")
                )
    if json_:
        typer.echo(json.dumps(report.to_json()))
        return
    for line in report.lines():
        typer.echo(line)
    if dry_run:
        typer.echo("nothing is added yet: the same without --dry-run adds it", err=True)


def _annotator(store: Store, name: str) -> Annotator:
    from anymask.engine.store.annotators import annotator_named, local_annotator

    return store.read(annotator_named, name) if name else store.write(local_annotator)
