"""WordsEncoder: whatever puts objects of images and words into one space.

Shape legend: n objects, m words, d channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from anymask.core.geometry import Floats
from anymask.core.words.objects import ShownObject


class WordsEncoder(Protocol):
    """Embeds both; ``likeness`` compares what it has embedded."""

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        """(n, d)."""
        ...

    def embed_words(self, words: Sequence[str]) -> Floats:
        """(m, d)."""
        ...

    def likeness(self, images: Floats, words: Floats) -> Floats:
        """(n, m), higher is liker: of one word's objects which is it; a CLIP's is the cosine."""
        ...

    def least_likeness(self, word: str) -> float:
        """From which likeness on an object of an image is said to be what a word says."""
        ...
