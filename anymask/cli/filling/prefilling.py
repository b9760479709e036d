"""``anymask engine prefill``: what a detector is sure of, put before annotators (§4, stage 2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anymask.cli.filling.search_run import search_run
from anymask.cli.options import OfflineOption
from anymask.cli.progress import download_bar, tell
from anymask.cli.serving.models import (
    ModelInUseOption,
    ModelsOption,
    model_in_use_of,
    models_folder,
)
from anymask.cli.serving.stores import FolderOption, StoreArgument, folder_of, open_store
from anymask.errors import Error

if TYPE_CHECKING:
    from anymask.engine.store.store import Store

THRESHOLD = 0.3


def prefill(
    where: StoreArgument,
    detector: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="A trained detector: RUN/best of `anymask train detector`. By default the one "
            "that `anymask engine detector` promoted last.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Of a mask's score: the box's, times the model's predicted IoU and the stability. "
            "By default the one that was chosen for the detector in use, else "
            f"{THRESHOLD}.",
            show_default=False,
        ),
    ] = None,
    images: FolderOption = None,
    weights: ModelInUseOption = None,
    models: ModelsOption = None,
    offline: OfflineOption = False,
) -> None:
    """Suggest masks in all images that are being worked on; annotators accept or reject them.

    Ended at any moment, it goes on where it was. An image that somebody is at is passed over, and
    looked through the next time. What was rejected is not suggested again.
    """
    with open_store(where) as store:
        from anymask.engine.pictures.pictures import Pictures
        from anymask.engine.stages.detecting import detecting
        from anymask.predict.detector import Detector
        from anymask.predict.disk_cache import embedding_cache, picture_cache, tool_folder
        from anymask.predict.load import ModelSource

        folder = folder_of(where, images)
        saves = ""
        if detector is None:
            detector, figures = _in_use(store, where, models)
            if threshold is None:
                threshold, saves = _chosen(figures)
        threshold = THRESHOLD if threshold is None else threshold
        tell(f"suggesting what scores {threshold:.3f} or more{saves}")
        choice = model_in_use_of(store, weights, where, models)
        with download_bar(f"fetching {choice.weights}") as bar:
            sam = ModelSource(choice.weights, offline=offline or None).load(bar)
        cache = tool_folder()
        finder = detecting(
            sam,
            Pictures(picture_cache(cache)),
            embedding_cache(cache),
            Detector.load(detector),
            threshold,
            choice.encoder_id,
        )
        search_run(store, "prefill", folder, finder)


def _in_use(store: Store, where: str, models: Path | None) -> tuple[Path, Mapping[str, Any]]:
    """The detector in use and its figures. Raises ``Error`` where there is none."""
    from anymask.engine.store.automation.models import model_in_use

    model = store.read(model_in_use, "detector")
    if model is None:
        raise Error(
            "no detector is trained yet: `anymask engine detector` trains one; or name one with "
            "--detector"
        )
    folder = models_folder(where, models)
    return folder.checkpoint(model), model.figures


def _chosen(figures: Mapping[str, Any]) -> tuple[float, str]:
    """The threshold that was chosen for a detector, and what is known of it."""
    saved = figures.get("saved_s")
    words = "" if saved is None else f", which saved {saved:.1f} s an image of those held out"
    return float(figures.get("threshold", THRESHOLD)), words
