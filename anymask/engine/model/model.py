"""Model: loaded when it is first needed, once, and shared by whoever asks."""

from __future__ import annotations

import threading

from anymask.errors import Error
from anymask.predict.load import ModelSource
from anymask.predict.promptable import Promptable


class Model:
    """The model of a project. id: its name and hash, known before it is loaded.

    encoder_id: the model that makes the same embeddings, whose name kept ones have; its own unless
    it learned with that one's encoder.
    """

    def __init__(self, source: ModelSource, encoder_id: str = "") -> None:
        self.id = source.model_id
        self.encoder_id = encoder_id or self.id
        self._source = source
        self._turn = threading.Lock()
        self._loaded: Promptable | None = None
        self._error: Error | None = None

    def load(self) -> Promptable:
        """Load it, which takes seconds the first time. Raises ``Error``, and then always."""
        with self._turn:
            if self._error is not None:
                raise Error(f"the model can't be loaded: {self._error}")
            if self._loaded is None:
                try:
                    self._loaded = self._source.load()
                except Error as error:
                    self._error = error
                    raise Error(f"the model can't be loaded: {error}") from None
            return self._loaded
