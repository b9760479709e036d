"""Finding: what words name in an image; what is known of it serves the next words, too."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from anymask.core.embedding import ImageEmbedding
from anymask.core.words.crops import Pixels
from anymask.core.words.phrases import things_of
from anymask.engine.model.everything import TURN
from anymask.engine.model.model import Model
from anymask.engine.pictures.folder import ImageFile
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.predict.disk_cache import DiskCache
from anymask.predict.promptable import Promptable
from anymask.predict.words.answer import WordsAnswer
from anymask.predict.words.load import words_on

if TYPE_CHECKING:
    from anymask.predict.words.candidates import Candidates

MOST_KEPT = 64  # images with their candidates, some 300 kB each


class WordsOfImage(Protocol):
    """Finds what words name among an image's candidates, which it makes once."""

    def candidates(
        self, pixels: Pixels, embed: Callable[[], ImageEmbedding] | None = None
    ) -> Candidates:
        """Of an (H, W, 3) image. embed: gives its embedding; asked where it must be looked at."""
        ...

    def find(self, pixels: Pixels, text: str, *, among: Candidates | None = None) -> WordsAnswer:
        """The masks that a text names. Raises ``PromptError``."""
        ...


Load = Callable[[Promptable, DiskCache], WordsOfImage]


class WordsSearch:
    """Looks in images for what words name. Threads may share it.

    embeddings: those of the tool, beside which candidates are kept. load: what looks with a model;
    it is kept as long as the model is the same.
    """

    def __init__(self, pictures: Pictures, embeddings: DiskCache, load: Load = words_on) -> None:
        self._pictures, self._cache, self._load = pictures, embeddings, load
        self._lock = threading.Lock()
        self._loaded: tuple[str, WordsOfImage] | None = None
        self._known: OrderedDict[tuple[str, str], Candidates] = OrderedDict()

    def find(self, model: Model, file: ImageFile, text: str) -> WordsAnswer:
        """What a text names in an image.

        The first words on an image take seconds, others no time. Raises ``PromptError`` for a text
        without a name, ``ImageError``, and as ``words_on`` does.
        """
        things_of(text)  # a text that names nothing is refused at once
        sam = model.load()
        pixels = self._pictures.pixels(file)
        key = sam.model_id, file.fingerprint
        with self._lock:
            candidates = self._known.get(key)
        if candidates is not None:
            return self._words(sam).find(pixels, text, among=candidates)
        with TURN:
            words = self._words(sam)
            candidates = self._known.get(key) or self._looked(words, sam, model, file, pixels)
        self._keep(key, candidates)
        return words.find(pixels, text, among=candidates)

    def _looked(
        self, words: WordsOfImage, sam: Promptable, model: Model, file: ImageFile, pixels: Pixels
    ) -> Candidates:
        kept = KeptEmbeddings(sam, self._pictures, self._cache, model.encoder_id)
        return words.candidates(pixels, partial(kept.of, file))

    def _words(self, sam: Promptable) -> WordsOfImage:
        with self._lock:
            if self._loaded is None or self._loaded[0] != sam.model_id:
                self._loaded = sam.model_id, self._load(sam, self._cache)
            return self._loaded[1]

    def _keep(self, key: tuple[str, str], candidates: Candidates) -> None:
        with self._lock:
            self._known[key] = candidates
            self._known.move_to_end(key)
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
