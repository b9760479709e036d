"""Comparison: how embedded objects and embedded words are held against each other.

Shape legend: n objects, m words, d channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import unit


@dataclass(frozen=True)
class Comparison:
    """What an encoder's embeddings mean.

    likeness: of objects (n, d) and words (m, d) to (n, m), higher is liker: of one word's objects,
    which is it. least: of words (m, d) to (m,), from which likeness on an object is said to be what
    a word says.
    """

    likeness: Callable[[Floats, Floats], Floats]
    least: Callable[[Floats], Floats]


def by_cosine(least: float) -> Comparison:
    """For an encoder that has learned one space for both, as CLIP has."""

    def likeness(images: Floats, words: Floats) -> Floats:
        return np.asarray(unit(images) @ unit(words).T, np.float32)

    return Comparison(likeness, lambda words: np.full(len(words), least, np.float32))
