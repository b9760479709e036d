"""``anymask engine like``: what examples show, put before annotators."""

from __future__ import annotations

from typing import Annotated

import typer

from anymask.cli.by_example.example_options import LikeOption, UnlikeOption, examples_of
from anymask.cli.filling.search_run import search_run
from anymask.cli.options import OfflineOption
from anymask.cli.progress import download_bar, tell
from anymask.cli.serving.models import ModelInUseOption, ModelsOption, model_in_use_of
from anymask.cli.serving.stores import FolderOption, StoreArgument, folder_of, open_store


def like(
    where: StoreArgument,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What is found is called so; a label that is not there yet is added.",
            show_default=False,
        ),
    ] = None,
    images: FolderOption = None,
    weights: ModelInUseOption = None,
    models: ModelsOption = None,
    offline: OfflineOption = False,
) -> None:
    """Suggest what is like an example in all images that are being worked on.

    As the button of `anymask annotate` does, with examples of one thing from files. Ended at any
    moment, it goes on where it was; what was rejected is not suggested again.
    """
    examples = examples_of(like or [], unlike or [])
    if examples is None:
        raise typer.BadParameter("say what to look for: --like IMAGE:MASK")
    if examples.tuned:
        raise typer.BadParameter("tuned prompts are a SegGPT's; give images with their masks")
    if len(examples.names) > 1:
        raise typer.BadParameter("the examples show several classes; look for one at a time")
    with open_store(where) as store:
        from anymask.engine.alike.examples import label_of, searching_for
        from anymask.engine.pictures.pictures import Pictures
        from anymask.engine.stages.kept_embeddings import KeptEmbeddings
        from anymask.engine.store.images import SUGGESTIONS_FIRST
        from anymask.engine.store.settings import put_setting
        from anymask.predict.disk_cache import embedding_cache, picture_cache, tool_folder
        from anymask.predict.in_context.load import by_likeness
        from anymask.predict.load import ModelSource

        folder = folder_of(where, images)
        choice = model_in_use_of(store, weights, where, models)
        with download_bar(f"fetching {choice.weights}") as bar:
            sam = ModelSource(choice.weights, offline=offline or None).load(bar)
        cache = tool_folder()
        kept = embedding_cache(cache)
        pictures = Pictures(picture_cache(cache))
        embeddings = KeptEmbeddings(sam, pictures, kept, choice.encoder_id)
        predictor = by_likeness(sam, offline or None, kept)
        store.write(put_setting, SUGGESTIONS_FIRST, True)
        named = label_of(store, label)
        finder = searching_for(examples, pictures, embeddings, predictor, named)
        tell(f"{predictor.like.answered_by} looks")
        search_run(store, "like", folder, finder)
