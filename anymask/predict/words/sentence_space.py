"""SentenceSpace: pictures as the sentences that name them, words as sentences.

The convex combination of class names (Norouzi et al. 2013): what a classifier takes a picture for,
and what an adapter has learned to name, each sentence as likely as the name. Sentences share a
large common part, which is taken off first.

Shape legend: n objects, m words, k names, d = 384 numbers of a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from anymask.core.geometry import Floats
from anymask.core.in_context.features import unit
from anymask.core.words.meanings import TEMPLATE, plain
from anymask.core.words.named_things import NamedThings, features_of
from anymask.core.words.objects import SIDE_PX, ShownObject
from anymask.models.efficientnet import EfficientNetLite0
from anymask.models.text import TextConfig
from anymask.predict.in_context.semantic import DinoEncoder
from anymask.predict.words.names import ADAPTER, CLASSIFIER, WordSide, classified
from anymask.predict.words.text_encoder import ImageFeatures
from anymask.weights.efficientnet import load_efficientnet
from anymask.weights.fetch import fetch_row, sha256_of
from anymask.weights.registry import find

WIDTH = 384
LIKELIEST = 10  # classes of a picture that are looked at
NAMES_WEIGH = 2.0  # what an adapter says, against what the classes say


class SentenceSpace:
    """See the module: a ``TextEncoder``."""

    side_px = SIDE_PX

    def __init__(
        self,
        classifier: EfficientNetLite0,
        words: WordSide,
        things: NamedThings,
        semantic: ImageFeatures,
        config: TextConfig,
    ) -> None:
        self.config, self.semantic = config, semantic
        self._classifier = classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._words, self._things = words, things
        self._classes, self._names = map(self.embed_words, (words.classes.names, things.names))

    @classmethod
    def load(
        cls,
        adapter: Path | None = None,
        *,
        semantic: ImageFeatures | None = None,
        offline: bool | None = None,
    ) -> SentenceSpace:
        """With the registry's files, fetched if need be; adapter None: the package's own.

        semantic: in the place of the registry's DINOv2.

        Raises ``WeightsError``, and ``MissingExtraError`` without ``anymask[text]``.
        """
        words = WordSide.load(offline=offline)
        files = fetch_row(find(CLASSIFIER), offline=offline)
        classifier = load_efficientnet(files[find(CLASSIFIER).files[0].name])
        things = NamedThings.read(adapter or ADAPTER)
        features = semantic or DinoEncoder.load(offline=offline)
        return cls(classifier, words, things, features, names_config(adapter))

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        """(n, d) of length 1."""
        features, shares = classified(self._classifier, [one.pixels for one in objects])
        semantic, shapes = (
            np.stack([getattr(one, part) for one in objects]) for part in ("semantic", "shape")
        )
        named = self._things.shares(features_of(features, semantic, shapes))
        return pictures(shares, self._classes, named, self._names)

    def embed_words(self, words: Sequence[str]) -> Floats:
        """(m, d) of length 1."""
        sentences = [TEMPLATE.format(plain(word)) for word in words]
        return unit(self._words.sentences.embed(sentences) - self._words.classes.centre)


def pictures(shares: Floats, classes: Floats, named: Floats, names: Floats) -> Floats:
    """(n, d) of the classes' shares (n, 1000) and the names' (n, k), by their sentences (…, d)."""
    least = np.sort(shares, axis=1)[:, -LIKELIEST, None]
    likeliest = np.where(shares >= least, shares, 0)
    return unit(unit(likeliest @ classes) + NAMES_WEIGH * unit(named @ names))


def names_config(adapter: Path | None = None) -> TextConfig:
    """The space of the sentences with an adapter: its pictures depend on it."""
    return TextConfig(WIDTH, f"sentences of names, {sha256_of(adapter or ADAPTER)[:8]}")
