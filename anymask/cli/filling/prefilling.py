"""``anymask engine prefill``: what a detector is sure of, put before annotators (§4, stage 2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.options import OfflineOption, WeightsOption
from anymask.cli.progress import download_bar, tell, work_bar
from anymask.cli.serving.stores import FolderOption, StoreArgument, folder_of, open_store

if TYPE_CHECKING:
    from anymask.engine.stages.searching import Searched

REASONS_SHOWN = 5


def prefill(
    where: StoreArgument,
    detector: Annotated[
        Path,
        typer.Option(
            metavar="RUN", help="A trained detector: RUN/best of `anymask train detector`."
        ),
    ],
    threshold: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Of the detector's score: `anymask evaluate detector` says which gives a wanted "
            "precision.",
        ),
    ] = 0.3,
    images: FolderOption = None,
    weights: WeightsOption = "mobile-sam",
    offline: OfflineOption = False,
) -> None:
    """Suggest masks in all images that are being worked on; annotators accept or reject them.

    Ended at any moment, it goes on where it was. An image that somebody is at is passed over, and
    looked through the next time. What was rejected is not suggested again.
    """
    with open_store(where) as store:
        from anymask.engine.disk_cache import embedding_cache, picture_cache
        from anymask.engine.pictures.folder import ImageFolder
        from anymask.engine.pictures.pictures import Pictures
        from anymask.engine.stages.detecting import detecting
        from anymask.engine.stages.running import running
        from anymask.engine.stages.searching import count_unsearched, search
        from anymask.predict.detector import Detector
        from anymask.predict.load import ModelSource
        from anymask.weights.fetch import cache_folder

        folder = folder_of(where, images)
        with download_bar(f"fetching {weights}") as bar:
            sam = ModelSource(weights, offline=offline or None).load(bar)
        cache = cache_folder() / "annotate"
        finder = detecting(
            sam,
            Pictures(picture_cache(cache)),
            embedding_cache(cache),
            Detector.load(detector),
            threshold,
        )
        searched = []
        total = count_unsearched(store, finder)
        with running(store, "prefill", total, tell) as run, work_bar(total) as step:
            for one in search(store, ImageFolder(folder), finder):
                searched.append(one)
                step(one.suggested is not None, one.name)
                run.step(len(searched))
    _tell(searched)


def _tell(searched: list[Searched]) -> None:
    """What became of it, for people."""
    done = [one.suggested for one in searched if one.suggested is not None]
    added = sum(one.added for one in done)
    typer.echo(f"{added} mask{'s' * (added != 1)} suggested in {len(done)} images")
    passed = [one for one in searched if one.suggested is None]
    for one in passed[:REASONS_SHOWN]:
        typer.echo(f"{one.name} is passed over: {one.reason}", err=True)
    if len(passed) > REASONS_SHOWN:
        typer.echo(f"{len(passed) - REASONS_SHOWN} more are passed over", err=True)
