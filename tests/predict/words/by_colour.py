"""ByColour: what embeds objects and words without a model: by their colour, and its name."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np

from anymask.core import rle
from anymask.core.annotations import Annotations
from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap
from anymask.core.words.comparison import Comparison
from anymask.core.words.crops import Pixels
from anymask.core.words.objects import ShownObject
from anymask.core.words.wholes import Weighing
from anymask.predict.words.answer import annotation
from anymask.predict.words.kept_candidates import KeptCandidates
from anymask.predict.words.predictor import WordsPredictor

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class ByColour:
    """Embeds an object as its crop's colour, a word as the colour that it names, or as nothing."""

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        middles = [one.pixels[96:128, 96:128].reshape(-1, 3).mean(axis=0) for one in objects]
        return np.array(middles, np.float32) / np.float32(255)

    def embed_words(self, words: Sequence[str]) -> Floats:
        named = [COLOURS.get(word.removesuffix("s"), (0, 0, 0)) for word in words]
        return np.array(named, np.float32) / np.float32(255)


# A chance of a half at a likeness of a half; nothing else counts.
BY_LIKENESS = Weighing((10.0, 0, 0, 0, 0, 0, 0), -5.0, 0.5)
BY_COLOUR = Comparison(lambda images, words: images @ words.T, lambda word: BY_LIKENESS)


class FlatFeatures:
    """The same feature everywhere."""

    name = "flat"

    def features(self, pixels: Pixels) -> FeatureMap:
        return FeatureMap.of_features(np.ones((3, 6, 2), np.float32), pixels.shape[:2])


def squares(pixels: Pixels) -> Annotations:
    """The connected parts of one colour, black apart, as everything's masks."""
    found = []
    for colour in COLOURS.values():
        is_so = (pixels == colour).all(axis=2).astype(np.uint8)
        count, parts = cv2.connectedComponents(is_so)
        found += [annotation(rle.encode(parts == number), 0.9) for number in range(1, count)]
    return Annotations(found, pixels.shape[:2])


class ColourPredictor(WordsPredictor):
    """Finds squares by their colours; counts how often it looked. No model is asked."""

    def __init__(self, kept: KeptCandidates | None = None) -> None:
        sam = SimpleNamespace(model_id="squares@0", encode=lambda pixels: pixels)
        super().__init__(
            cast(Any, sam), cast(Any, FlatFeatures()), ByColour(), BY_COLOUR, "colours", kept
        )
        self.looked = 0

    def everything(self, embedding: Any) -> Annotations:
        self.looked += 1
        return squares(embedding)
