"""``anymask engine import``: masks that exist already, into a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.progress import tell, work_bar
from anymask.cli.serving.stores import FolderOption, StoreArgument, folder_of, open_store

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
    images: FolderOption = None,
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

        folder = folder_of(where, images)
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
