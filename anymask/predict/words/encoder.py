"""WordsEncoder: whatever puts objects of images and words into one space.

How what it embeds is compared is a ``core.words.comparison.Comparison`` beside it.

Shape legend: n objects, m words, d channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from anymask.core.geometry import Floats
from anymask.core.words.objects import ShownObject


class WordsEncoder(Protocol):
    """Embeds both."""

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        """(n, d)."""
        ...

    def embed_words(self, words: Sequence[str]) -> Floats:
        """(m, d)."""
        ...
