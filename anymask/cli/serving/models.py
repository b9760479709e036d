"""Models: which one a command takes, and where those that the engine trained are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.serving.stores import STORE_FILE, STORE_FOLDER
from anymask.errors import Error
from anymask.weights.registry import DEFAULT

if TYPE_CHECKING:
    from anymask.engine.store.store import Store
    from anymask.retraining.models_folder import ModelsFolder

MODELS = "models"

ModelsOption = Annotated[
    Path | None,
    typer.Option(
        "--models",
        metavar="FOLDER",
        help="Where the engine keeps its models; by default models/ beside the store's file.",
        show_default=False,
    ),
]
ModelInUseOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="W",
        help="A name of `anymask weights list`, a checkpoint, or a folder of `anymask export`. By "
        f"default the model that `anymask engine retrain` promoted last, else {DEFAULT}.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class ModelChoice:
    """The model that a command takes. weights: as ``load`` takes them.

    encoder_id: the model whose embeddings it reads; "" for its own.
    """

    weights: str
    encoder_id: str = ""


def models_folder(where: str, named: Path | None) -> ModelsFolder:
    """The models of a store. Raises ``Error`` for a database, where nobody has said."""
    from anymask.retraining.models_folder import ModelsFolder

    if named is not None:
        return ModelsFolder(named)
    if "://" in where:
        raise Error(f"{where} is a database: say with --models where its models are kept")
    path = Path(where)
    file = path / STORE_FOLDER / STORE_FILE if path.is_dir() else path
    return ModelsFolder(file.absolute().parent / MODELS)


def model_in_use_of(
    store: Store, weights: str | None, where: str, models: Path | None = None
) -> ModelChoice:
    """The model that was named, else the one in use, else the default. Raises ``Error``."""
    from anymask.engine.store.automation.models import model_in_use

    if weights is not None:
        return ModelChoice(weights)
    model = store.read(model_in_use, "sam")
    if model is None:
        return ModelChoice(DEFAULT)
    folder = models if models is not None or "://" not in where else Path(MODELS)
    return ModelChoice(str(models_folder(where, folder).checkpoint(model)), model.encoder_id)
