"""Background: the search for what is like a mask goes on while people work, one at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from anymask.engine.alike.finding import Alike, Chosen, choose
from anymask.engine.embeddings.embeddings import STOP_S
from anymask.engine.model.model import Model
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.stages.running import running
from anymask.engine.stages.searching import count_unsearched, search
from anymask.engine.store.images import SUGGESTIONS_FIRST
from anymask.engine.store.settings import put_setting
from anymask.engine.store.store import Store
from anymask.errors import Error
from anymask.predict.disk_cache import DiskCache
from anymask.predict.in_context.load import ByLikeness, by_likeness
from anymask.predict.promptable import Promptable

LOG = logging.getLogger("uvicorn.error")
SearchState = Literal["idle", "running", "ended", "stopped", "failed"]
Load = Callable[[Promptable, DiskCache], ByLikeness]


def _load(sam: Promptable, cache: DiskCache) -> ByLikeness:
    """What looks with a model, and keeps what it knows of images beside their embeddings."""
    return by_likeness(sam, cache=cache)


@dataclass(frozen=True)
class SearchNow:
    """How a search stands.

    sought: what is sought, its label or "a mask". done, total: images. found: masks that are
    suggested; images: in how many. answered_by: which models look. note: why it failed.
    """

    state: SearchState = "idle"
    sought: str = ""
    done: int = 0
    total: int = 0
    found: int = 0
    images: int = 0
    answered_by: str = ""
    note: str = ""


class AlikeSearch:
    """Looks through the open images for what is like a mask. Threads may share it.

    embeddings: where they are kept, and what else is known of images. model: gives the one in use.
    load: what looks with it.
    """

    def __init__(
        self,
        store: Store,
        folder: ImageFolder,
        pictures: Pictures,
        embeddings: DiskCache,
        model: Callable[[], Model],
        load: Load = _load,
    ) -> None:
        self._store, self._folder, self._pictures = store, folder, pictures
        self._cache, self._model, self._load = embeddings, model, load
        self._lock = threading.Lock()
        self._now = SearchNow()
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()
        self._loaded: tuple[str, ByLikeness] | None = None

    @property
    def now(self) -> SearchNow:
        """How it stands."""
        return self._now

    def begin(self, image_id: int, mask_ids: list[str]) -> SearchNow:
        """Look for what is like masks of an image, in place of what is sought now.

        Raises ``StoreError`` for a mask that is not there.
        """
        chosen = choose(self._store, image_id, mask_ids)
        self._store.write(put_setting, SUGGESTIONS_FIRST, True)
        with self._lock:
            self._stop()
            before, self._is_over = self._thread, threading.Event()
            sought = chosen.source.partition(" ")[2] or "a mask"
            self._now = SearchNow("running", sought)
            self._thread = threading.Thread(
                target=self._work, args=(chosen, self._is_over, before), name="alike", daemon=True
            )
            self._thread.start()
            return self._now

    def stop(self) -> SearchNow:
        """Look no further; what is suggested stays."""
        with self._lock:
            self._stop()
            return self._now

    def close(self) -> None:
        """End the background work."""
        self.stop()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _stop(self) -> None:
        """What is looked into just now is ended, and no more is begun."""
        self._is_over.set()
        if self._now.state == "running":
            self._now = replace(self._now, state="stopped")

    def _work(
        self, chosen: Chosen, is_over: threading.Event, before: threading.Thread | None
    ) -> None:
        """before: the search that this one takes the place of."""
        try:
            if before is not None:
                before.join()  # an image takes it some seconds
            if is_over.is_set():
                return
            self._search(chosen, is_over)
            state: SearchState = "stopped" if is_over.is_set() else "ended"
            self._note(is_over, state=state)
        except Exception as error:
            line = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
            LOG.error("what is like a mask can't be looked for: %s", line)
            self._note(is_over, state="failed", note=" ".join(line.split()))

    def _search(self, chosen: Chosen, is_over: threading.Event) -> None:
        model = self._model()
        sam = model.load()
        predictor = self._predictor(sam)
        embeddings = KeptEmbeddings(sam, self._pictures, self._cache, model.encoder_id)
        alike = Alike(self._store, self._folder, self._pictures, embeddings, predictor, chosen)
        total = count_unsearched(self._store, alike.finder)
        self._note(is_over, total=total, answered_by=predictor.like.answered_by)
        with running(self._store, "like", total, LOG.warning) as run:
            for done, one in enumerate(search(self._store, self._folder, alike.finder), 1):
                run.step(done)
                found = 0 if one.suggested is None else one.suggested.added
                now = self._now
                self._note(
                    is_over,
                    done=done,
                    found=now.found + found,
                    images=now.images + bool(found),
                )
                if is_over.is_set():
                    return

    def _predictor(self, sam: Promptable) -> ByLikeness:
        """Kept as long as the model is the same: it holds what it knows of images."""
        if self._loaded is None or self._loaded[0] != sam.model_id:
            self._loaded = sam.model_id, self._load(sam, self._cache)
        return self._loaded[1]

    def _note(self, is_over: threading.Event, **changes: object) -> None:
        """Say how the search stands, unless another was begun in its place."""
        if is_over is self._is_over:
            self._now = replace(self._now, **changes)  # type: ignore[arg-type]
