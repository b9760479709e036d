"""Pixel names: under which name the disk keeps what a model made of pixels.

Not the file's name: the same file may be read as other pixels, by other bands or another page.
"""

from __future__ import annotations

import hashlib

import numpy as np

from anymask.core.in_context.palette import Pixels
from anymask.predict.embedding_cache import EmbeddingCache


class PixelNames:
    """Hashes each array once, as long as it lives."""

    def __init__(self) -> None:
        self._hashes = EmbeddingCache[str]()

    def of(self, maker: str, pixels: Pixels) -> str:
        """Who made it, and a hash of an (H, W, 3) image."""

        def look() -> str:
            digest = hashlib.sha256(repr(pixels.shape).encode())
            digest.update(np.ascontiguousarray(pixels).data)
            return digest.hexdigest()

        return f"{maker} pixels {self._hashes.get(pixels, look)}"
