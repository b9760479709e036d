"""Embeddings: computed one after the other in the background, kept on the disk in bounded space."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace

from anymask.core.embedding import ImageEmbedding
from anymask.engine.embeddings.waiting import WaitingLine
from anymask.engine.model.model import Model
from anymask.engine.pictures.folder import ImageFile
from anymask.engine.pictures.pictures import Pictures
from anymask.errors import Error, ImageError
from anymask.predict.disk_cache import DiskCache

AT_HAND = 16  # also where the disk takes nothing; 2 MB each
STOP_S = 10.0
LOOK_AGAIN_S = 0.5  # at what another process may have computed

FileOf = Callable[[int], ImageFile]
AheadOf = Callable[[int], Iterable[int]]
OnFault = Callable[[int, str], None]


class Embeddings:
    """The embeddings of images, as bytes; asked by files and by the store's ids of images.

    file_of: the file of an image's id. ahead_of: the images that whoever works on one comes to
    next. on_fault: told of an image that can't be read, and why. The model is loaded when the first
    image is wanted.
    """

    def __init__(
        self,
        model: Model,
        cache: DiskCache,
        pictures: Pictures,
        file_of: FileOf,
        ahead_of: AheadOf,
        on_fault: OnFault = lambda image_id, reason: None,
    ) -> None:
        self.computed = 0
        self._model, self._cache, self._pictures = model, cache, pictures
        self._file_of, self._ahead_of, self._on_fault = file_of, ahead_of, on_fault
        self._line = WaitingLine()
        self._at_hand: OrderedDict[str, bytes] = OrderedDict()
        self._failed: dict[str, str] = {}
        self._lock = threading.Lock()
        self._done = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._last: int | None = None

    @property
    def waiting(self) -> int:
        """How many images are in the line."""
        return len(self._line)

    def ready(self, file: ImageFile) -> bytes | None:
        """An image's embedding if it is there. Raises ``Error`` if it can't be computed."""
        name = name_of(self._model.encoder_id, file)
        with self._lock:
            if name in self._failed:
                raise ImageError(self._failed[name])
            content = self._at_hand.get(name)
        return content or self._kept(name)

    def want(self, image_id: int) -> int:
        """Have an image's embedding computed; how many come before it."""
        self.expect(image_id)
        self._line.ask(image_id)
        self._start()
        return self._line.position(image_id)

    def wait(self, image_id: int, file: ImageFile, seconds: float) -> bytes | None:
        """An image's embedding once it is there; None if that takes longer. Raises ``Error``."""
        end = time.monotonic() + seconds
        content = self.ready(file)
        if content is None:
            self.want(image_id)
        while content is None and time.monotonic() < end:
            with self._done:
                self._done.wait(min(LOOK_AGAIN_S, seconds))
            content = self.ready(file)
        return content

    def expect(self, image_id: int) -> None:
        """Somebody is at an image: those behind it are computed ahead."""
        if image_id == self._last:
            return
        self._last = image_id
        self._line.expect(self._ahead_of(image_id))
        self._start()

    def expect_first(self, image_id: int) -> None:
        """Somebody is about to open an image; unless there is work already, it is begun with."""
        if self._last is None:
            self.want(image_id)

    def close(self) -> None:
        """Finish what is being computed, and no more."""
        self._line.close()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _kept(self, name: str) -> bytes | None:
        content = self._cache.get(name)
        is_own = self._model.id == self._model.encoder_id
        return content if content is None or is_own else renamed(content, self._model.id)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="embeddings", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (image_id := self._line.take()) is not None:
            try:
                file = self._file_of(image_id)
            except Error:
                continue  # who asks for it is told
            self._compute(image_id, file)

    def _compute(self, image_id: int, file: ImageFile) -> None:
        """Compute an image's embedding, unless it is there; what goes wrong is said when asked."""
        name = name_of(self._model.encoder_id, file)
        with self._lock:
            if name in self._at_hand or name in self._failed:
                return
        if self._cache.has(name):
            return
        try:
            pixels = self._pictures.pixels(file)
        except ImageError as error:
            self._fail(name, file, error)
            self._on_fault(image_id, str(error))
            return
        try:
            content = self._model.load().encode(pixels).to_bytes()
        except Exception as error:  # one image must not end the work on all others
            self._fail(name, file, error)
            return
        self._cache.put(name, renamed(content, self._model.encoder_id))
        with self._done:
            self.computed += 1
            self._at_hand[name] = content
            while len(self._at_hand) > AT_HAND:
                self._at_hand.popitem(last=False)
            self._done.notify_all()

    def _fail(self, name: str, file: ImageFile, error: Exception) -> None:
        line = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
        with self._done:
            self._failed[name] = f"{file.name} has no embedding: {' '.join(line.split())}"
            self._done.notify_all()


def name_of(encoder_id: str, file: ImageFile) -> str:
    """The name under which an embedding of a file is kept.

    encoder_id: the model that makes the same embeddings as all that share its encoder.
    """
    return f"{encoder_id} {file.fingerprint}"


def renamed(content: bytes, model_id: str) -> bytes:
    """The same embedding for another model of the same encoder. Raises ``EmbeddingError``."""
    embedding = ImageEmbedding.from_bytes(content)
    if embedding.model == model_id:
        return content
    return replace(embedding, model=model_id).to_bytes()
