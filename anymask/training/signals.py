"""Being told to stop: SIGTERM and SIGINT end a run after the step in hand."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any


class Signals:
    """Remembers SIGTERM and SIGINT instead of dying of them; a second one is not caught."""

    KINDS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.caught: int | None = None
        self._before: list[Any] = []

    def __enter__(self) -> Signals:
        self._before = [signal.signal(kind, self._note) for kind in self.KINDS]
        return self

    def __exit__(self, *about: object) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.caught = number
        self._restore()

    def _restore(self) -> None:
        for kind, handler in zip(self.KINDS, self._before):
            signal.signal(kind, handler)
