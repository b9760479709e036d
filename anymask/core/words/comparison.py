"""Comparison: how embedded objects and embedded words are held against each other.

Shape legend: n objects, m words, d channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import unit
from anymask.core.words.wholes import Weighing


@dataclass(frozen=True)
class Comparison:
    """What an encoder's embeddings mean.

    likeness: of objects (n, d) and words (m, d) to (n, m), higher is liker: of one word's objects,
    which is it. weighing: for a word (d,), how much its likeness says beside what else is known of
    a mask, and from which chance on it is there.
    """

    likeness: Callable[[Floats, Floats], Floats]
    weighing: Callable[[Floats], Weighing]


def by_cosine(weighing: Weighing) -> Comparison:
    """For an encoder that has learned one space for both, as CLIP has."""

    def likeness(images: Floats, words: Floats) -> Floats:
        return np.asarray(unit(images) @ unit(words).T, np.float32)

    return Comparison(likeness, lambda word: weighing)
