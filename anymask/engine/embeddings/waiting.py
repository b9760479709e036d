"""Waiting line: whose embedding is computed next.

First what somebody waits for, the last who asked first; then what they will come to, the nearest
first, for whoever asked last.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable


class WaitingLine:
    """Ids of images in the order in which they are wanted. Threads may share it."""

    def __init__(self) -> None:
        self._asked: list[int] = []  # the last is next
        self._ahead: list[int] = []  # the first is next
        self._changed = threading.Condition()
        self._is_closed = False

    def ask(self, image_id: int) -> None:
        """Somebody waits for an image."""
        with self._changed:
            self._asked = [*(other for other in self._asked if other != image_id), image_id]
            self._changed.notify()

    def expect(self, image_ids: Iterable[int]) -> None:
        """What will be asked for next, in place of what was expected before."""
        with self._changed:
            self._ahead = list(image_ids)
            self._changed.notify()

    def take(self) -> int | None:
        """The next, as soon as there is one; None when the line is closed."""
        with self._changed:
            while not self._is_closed:
                if self._asked:
                    return self._asked.pop()
                if self._ahead:
                    return self._ahead.pop(0)
                self._changed.wait()
            return None

    def position(self, image_id: int) -> int:
        """How many come before it."""
        with self._changed:
            line = [*reversed(self._asked), *self._ahead]
            return line.index(image_id) if image_id in line else 0

    def __len__(self) -> int:
        with self._changed:
            return len({*self._asked, *self._ahead})

    def close(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
