"""Running: a piece of the engine's work that others can see, and of whose kind there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from anymask.engine.store.store import Store


class Running:
    """A run that lives. done: units so far."""

    def __init__(self, total: int | None) -> None:
        self.done, self.total = 0, total

    def step(self, done: int) -> None:
        """Say how many units are done."""
        self.done = done


@contextmanager
def running(store: Store, kind: str, total: int | None = None) -> Iterator[Running]:
    """A run of the engine while the context lasts. Raises ``StoreError`` where another runs."""
    yield Running(total)
