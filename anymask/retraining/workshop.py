"""Workshop: what every retraining works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.store.automation.models import EngineModel
from anymask.engine.store.store import Store
from anymask.predict.disk_cache import DiskCache
from anymask.retraining.models_folder import ModelsFolder


@dataclass(frozen=True)
class Workshop:
    """A store, its images, its models, and where to say how it goes.

    embeddings: the annotation tool's cache. tell: takes lines for people. on_step: how many steps
    of training are done, and of how many. offline: as ``weights.load`` takes it.
    """

    store: Store
    folder: ImageFolder
    models: ModelsFolder
    pictures: Pictures
    embeddings: DiskCache
    tell: Callable[[str], None]
    on_step: Callable[[int, int], None]
    offline: bool | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it. worse: why the model is not used; empty where it is."""

    model: EngineModel
    worse: tuple[str, ...]

    @property
    def is_promoted(self) -> bool:
        """Whether the model is in use now."""
        return self.model.state == "promoted"
