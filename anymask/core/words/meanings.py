"""Meanings: how near any words are to the names that a classifier knows.

Two sources say so. A sentence encoder knows what is written in like places, also of words that no
dictionary has; its vectors share a large common part, which is taken off first. WordNet knows that
a pug is a dog. Their sum, sharpened, weighs the names; a class that is a kind of the word counts
wholly, however unlike the words look.

Shape legend: m words, k names, d channels of a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import unit
from anymask.core.words.wordnet import WordNet

Embed = Callable[[Sequence[str]], Floats]

TEMPLATE = "a photo of a {}"
SENSES = 3  # of a word that are looked at: the usual ones
SHARPNESS_OF_TEXT = SHARPNESS_OF_KIND = 8.0
ARTICLES = ("a", "an", "the", "some", "any")


def plain(word: str) -> str:
    """Lower-case, one space between, without an article in front."""
    parts = word.lower().split()
    while len(parts) > 1 and parts[0] in ARTICLES:
        parts = parts[1:]
    return " ".join(parts)


class Names:
    """Names as a classifier knows them, to be compared with words.

    names: k, as people say them. senses: of each, in WordNet; what is a kind of them is, too.
    centre: (d,) the common part of sentences; None: the mean of these.
    """

    def __init__(
        self,
        names: Sequence[str],
        senses: Sequence[Sequence[int]],
        embed: Embed,
        wordnet: WordNet,
        centre: Floats | None = None,
    ) -> None:
        self.names = tuple(map(plain, names))
        self._embed, self._wordnet = embed, wordnet
        vectors = embed([TEMPLATE.format(name) for name in names])
        self.centre = vectors.mean(axis=0) if centre is None else centre
        self._vectors = unit(vectors - self.centre)
        self._above = [[wordnet.above(sense) for sense in each] for each in senses]
        self._depths: dict[int, int] = {}

    def nearness(self, words: Sequence[str]) -> Floats:
        """(m, k) how much each name speaks for each word; 1 on average over the names."""
        plain_words = [plain(word) for word in words]
        vectors = self._embed([TEMPLATE.format(word) for word in plain_words])
        cosines = unit(vectors - self.centre) @ self._vectors.T
        kinds = np.stack([self.kinship(word) for word in plain_words])
        near = np.exp(SHARPNESS_OF_TEXT * cosines + SHARPNESS_OF_KIND * kinds)
        return np.asarray(near / near.mean(axis=1, keepdims=True), np.float32)

    def kinship(self, word: str) -> Floats:
        """(k,) Wu and Palmer's (1994) similarity, 0 to 1, of the nearest senses."""
        senses = self._wordnet.senses_of(word)[:SENSES]
        mine = [self._wordnet.above(sense) for sense in senses]
        return np.array(
            [
                max((self._alike(one, other) for one in mine for other in theirs), default=0.0)
                for theirs in self._above
            ],
            np.float32,
        )

    def _alike(self, one: dict[int, int], other: dict[int, int]) -> float:
        shared = one.keys() & other.keys()
        if not shared:
            return 0.0
        steps, nearest = min((one[sense] + other[sense], sense) for sense in shared)
        twice = 2 * self._depth(nearest)
        return twice / (twice + steps) if twice else 0.0

    def _depth(self, sense: int) -> int:
        if sense not in self._depths:
            self._depths[sense] = max(self._wordnet.above(sense).values())
        return self._depths[sense]
