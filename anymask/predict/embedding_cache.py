"""What a model derives from an embedding, kept for the images asked about last: people click on.

Several people may share one model, each with an image of their own.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock, RLock
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
ENTRIES = 8  # of ViT-H in float32, about 14 MB each


class _Entry(Generic[Value]):
    """What was derived from one embedding, once somebody has derived it."""

    def __init__(self, embedding: weakref.ref[Any]) -> None:
        self.embedding = embedding
        self.deriving = Lock()
        self.values: list[Value] = []  # none yet, or one


class EmbeddingCache(Generic[Value]):
    """A value for each of the last ``entries`` embeddings, by which object they are.

    The least recently used falls first; an embedding's value falls with the embedding itself.
    Threads may share a cache: of those that ask about one embedding at once, one derives.
    """

    def __init__(self, entries: int = ENTRIES) -> None:
        self.entries = entries
        self._by_id: OrderedDict[int, _Entry[Value]] = OrderedDict()
        # Reentrant: an embedding may be collected, and be forgotten, while this thread holds it.
        self._lock = RLock()

    def get(self, embedding: Any, derive: Callable[[], Value]) -> Value:
        """The value of an embedding, or of another object that can be referred to weakly."""
        entry = self._entry(embedding)
        with entry.deriving:
            if not entry.values:
                entry.values.append(derive())
            return entry.values[0]

    def __len__(self) -> int:
        return len(self._by_id)

    def _entry(self, embedding: Any) -> _Entry[Value]:
        key = id(embedding)
        with self._lock:
            entry = self._by_id.get(key)
            if entry is None or entry.embedding() is not embedding:
                entry = _Entry(weakref.ref(embedding, self._forgetting(key)))
                self._by_id[key] = entry
            self._by_id.move_to_end(key)
            while len(self._by_id) > self.entries:
                self._by_id.popitem(last=False)
            return entry

    def _forgetting(self, key: int) -> Callable[[weakref.ref[Any]], None]:
        """What to do once an embedding is collected, without keeping the cache itself alive."""
        this = weakref.ref(self)

        def forget(dead: weakref.ref[Any]) -> None:
            cache = this()
            if cache is not None:
                cache._forget(key, dead)

        return forget

    def _forget(self, key: int, dead: weakref.ref[Any]) -> None:
        """Drop a collected embedding's entry, unless a new embedding has its place in memory."""
        with self._lock:
            entry = self._by_id.get(key)
            if entry is not None and entry.embedding is dead:
                del self._by_id[key]
