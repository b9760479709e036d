"""``anymask engine choose``: which images come to annotators first."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.options import OfflineOption
from anymask.cli.progress import download_bar, tell, work_bar
from anymask.cli.serving.models import (
    ModelChoice,
    ModelInUseOption,
    ModelsOption,
    model_in_use_of,
)
from anymask.cli.serving.stores import FolderOption, StoreArgument, folder_of, open_store

if TYPE_CHECKING:
    from anymask.engine.stages.choosing import Chosen, Looking

REASONS_SHOWN = 5


class Choice(StrEnum):
    """By what images are chosen."""

    random = "random"
    uncertain = "uncertain"
    unlike = "unlike"
    name = "name"


LOOKING = (Choice.uncertain, Choice.unlike)


def choose(
    where: StoreArgument,
    by: Annotated[
        Choice,
        typer.Option(
            help="random; uncertain: where the model is least sure of its masks first; unlike: the "
            "least like what is annotated and chosen already; name: as the list has them."
        ),
    ],
    seed: Annotated[int, typer.Option(help="Of all that is drawn at random.")] = 0,
    among: Annotated[
        int,
        typer.Option(
            min=1,
            help="Look at so many images, drawn at random where there are more; the others follow. "
            "A look takes about as long as an embedding, once.",
        ),
    ] = 1_000,
    images: FolderOption = None,
    weights: ModelInUseOption = None,
    models: ModelsOption = None,
    offline: OfflineOption = False,
) -> None:
    """Choose in which order images that nobody began come to annotators.

    Images that are held out stay spread evenly over the order. It can be chosen anew at any moment,
    also while people work; images that are added later come last.
    """
    with open_store(where) as store:
        from anymask.engine.stages.choosing import choose as choose_images
        from anymask.engine.stages.choosing import count_looks
        from anymask.engine.stages.running import running

        total = count_looks(store, by.value, among)
        with running(store, "choose", total, tell) as run, work_bar(total) as step:
            looking = None
            if by in LOOKING:
                choice = model_in_use_of(store, weights, where, models)
                looking = _looking(folder_of(where, images), choice, offline)

            def on_image(done: int) -> None:
                step(True, "")
                run.step(done)

            chosen = choose_images(
                store,
                by.value,
                looking,
                seed=seed,
                among=among,
                on_image=on_image,
            )
    _tell(chosen, by)


def _looking(folder: Path, choice: ModelChoice, offline: bool) -> Looking:
    from anymask.engine.pictures.folder import ImageFolder
    from anymask.engine.pictures.pictures import Pictures
    from anymask.engine.stages.choosing import Looking
    from anymask.engine.stages.kept_embeddings import KeptEmbeddings
    from anymask.predict.disk_cache import embedding_cache, picture_cache, tool_folder
    from anymask.predict.load import ModelSource

    with download_bar(f"fetching {choice.weights}") as bar:
        sam = ModelSource(choice.weights, offline=offline or None).load(bar)
    cache = tool_folder()
    pictures = Pictures(picture_cache(cache))
    kept = KeptEmbeddings(sam, pictures, embedding_cache(cache), choice.encoder_id)
    return Looking(ImageFolder(folder), kept)


def _tell(chosen: Chosen, by: Choice) -> None:
    """What became of it, for people."""
    count = len(chosen.order)
    typer.echo(
        f"{count} image{'s' * (count != 1)} ordered by {by}: {', '.join(chosen.order[:3])} …"
    )
    for name, reason in chosen.passed_over[:REASONS_SHOWN]:
        typer.echo(f"{name} can't be looked at, and comes later: {reason}", err=True)
    if len(chosen.passed_over) > REASONS_SHOWN:
        typer.echo(f"{len(chosen.passed_over) - REASONS_SHOWN} more can't be looked at", err=True)
