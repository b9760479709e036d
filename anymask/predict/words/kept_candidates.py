"""Kept candidates: what is known of an image before any word, kept on the disk.

Segmenting everything and looking at each mask takes seconds, holding them against words hundredths
of one; so another command, or the same one tomorrow, begins where the last one was.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from anymask.core.words.crops import Pixels
from anymask.errors import EmbeddingError
from anymask.predict.disk_cache import DiskCache
from anymask.predict.pixel_names import PixelNames
from anymask.predict.words.candidates import Candidates


class KeptCandidates:
    """Candidates of images, beside embeddings and in the same bounded space.

    maker: names and hashes of all that candidates depend on. Numbers are those of float16, also the
    first time, so that an answer does not depend on what was kept. What is damaged is made again.
    """

    def __init__(self, cache: DiskCache, maker: str) -> None:
        self._cache, self._maker, self._names = cache, maker, PixelNames()

    def of(self, pixels: Pixels, look: Callable[[], Candidates]) -> Candidates:
        """Those of an (H, W, 3) image: read, or made and kept."""
        name = self._names.of(self._maker, pixels)
        content = self._cache.get(name)
        if content is not None:
            with suppress(EmbeddingError):
                return Candidates.of_bytes(content)
        content = look().to_bytes()
        self._cache.put(name, content)
        return Candidates.of_bytes(content)
