"""Served models: the one in use, and the one before while somebody is still at an image with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anymask.engine.embeddings.embeddings import Embeddings
from anymask.engine.model.decoding import Decoder
from anymask.engine.model.model import Model

KEPT = 2  # models at a time


@dataclass(frozen=True)
class Served:
    """A model, what it says of images, and its graphs for browsers.

    browser: the folder that ``anymask export onnx`` wrote; None where no browser gets it.
    """

    model: Model
    embeddings: Embeddings
    decoder: Decoder
    browser: Path | None = None

    @property
    def key(self) -> str:
        """What its addresses are told apart by: the hash of its weights."""
        return self.model.id.rpartition("@")[2]

    def close(self) -> None:
        """End its background work."""
        self.decoder.close()
        self.embeddings.close()


class ServedModels:
    """The models of a running tool. Threads may share it."""

    def __init__(self, first: Served) -> None:
        self._latest_first = [first]
        self._lock = threading.Lock()

    @property
    def now(self) -> Served:
        """The one in use."""
        return self._latest_first[0]

    def of(self, model_id: str) -> Served:
        """The one of an id, or the one in use if that is served no more; "" for the one in use."""
        return self._first(lambda served: served.model.id == model_id)

    def of_key(self, key: str) -> Served | None:
        """The one of a key."""
        found = self._first(lambda served: served.key == key)
        return found if found.key == key else None

    def use(self, served: Served) -> None:
        """Use another from now on; who is at an image goes on with the one before."""
        with self._lock:
            self._latest_first = [served, *self._latest_first]
            gone = self._latest_first[KEPT:]
            self._latest_first = self._latest_first[:KEPT]
        for one in gone:
            one.close()

    def close(self) -> None:
        """End all background work."""
        for one in self._latest_first:
            one.close()

    def _first(self, is_wanted: Callable[[Served], bool]) -> Served:
        known = self._latest_first
        return next(filter(is_wanted, known), known[0])
