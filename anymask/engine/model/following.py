"""Following: a running tool takes the model that was promoted, once browsers can have it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from anymask.engine.embeddings.embeddings import STOP_S
from anymask.engine.model.model import Model
from anymask.engine.model.served import Served, ServedModels
from anymask.engine.store.automation.models import EngineModel, model_in_use
from anymask.engine.store.store import Store
from anymask.errors import Error, StoreError
from anymask.predict.load import ModelSource

LOOK_S = 5.0  # between two looks at the store
LOG = logging.getLogger("uvicorn.error")

Begin = Callable[[Model, Path], Served]
Find = Callable[[EngineModel], tuple[Path, Path]]


class Follower:
    """Looks which model is in use, and has the tool serve it.

    begin: makes what is served of a model and its graphs. find: where a model's checkpoint is, and
    its graphs for browsers, which may have to be made first.
    """

    def __init__(
        self, store: Store, models: ServedModels, begin: Begin, find: Find, look_s: float = LOOK_S
    ) -> None:
        self._store, self._models, self._begin, self._find = store, models, begin, find
        self._failed: set[str] = set()
        self._is_over = threading.Event()
        self._look_s = look_s
        self._thread = threading.Thread(target=self._work, name="models", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._is_over.set()
        self._thread.join(STOP_S)

    def _work(self) -> None:
        while not self._is_over.wait(self._look_s):
            try:
                model = self._store.read(model_in_use, "sam")
            except StoreError:  # it may be back the next time
                continue
            if model is not None and self._is_news(model):
                self._follow(model)

    def _is_news(self, model: EngineModel) -> bool:
        return model.model_id != self._models.now.model.id and model.model_id not in self._failed

    def _follow(self, model: EngineModel) -> None:
        """Serve it; where that can't be, all goes on with the one before."""
        try:
            folder, browser = self._find(model)
            source = ModelSource(str(folder), offline=True, model_id=model.model_id)
            self._models.use(self._begin(Model(source, model.encoder_id), browser))
        except Error as error:
            self._failed.add(model.model_id)
            LOG.error("%s can't be served: %s", model.model_id, error)
