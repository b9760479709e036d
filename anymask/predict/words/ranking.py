"""WordsPredictor: everything in an image, ranked by how like a phrase it is.

Shape legend: N masks, H W pixels of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.annotations import Annotations
from anymask.core.geometry import Floats
from anymask.core.words.comparison import Comparison
from anymask.core.words.crops import Pixels
from anymask.core.words.objects import ShownObject
from anymask.errors import PromptError
from anymask.predict.automatic import segment_everything, suggested
from anymask.predict.embedding_cache import EmbeddingCache
from anymask.predict.in_context.semantic import DinoEncoder
from anymask.predict.predictor import Predictor, find_device, load
from anymask.predict.words.encoder import WordsEncoder
from anymask.predict.words.names import BY_NAMES, NamesEncoder
from anymask.weights.registry import DEFAULT

SMALLEST_PX = 16  # of a mask's longer side: what is smaller can't be told apart


@dataclass(frozen=True, eq=False)
class Candidates:
    """masks: everything in an image. embedded: (N, d) each, by a ``WordsEncoder``."""

    masks: Annotations
    embedded: Floats


@dataclass(frozen=True, eq=False)
class RankedMasks:
    """masks: those that are like the phrase, the likest first; none where it isn't there.

    scores: (N,) of those. reason: why there are none, else "".
    """

    masks: Annotations
    scores: Floats
    reason: str = ""

    def to_bool(self) -> npt.NDArray[np.bool_]:
        """(N, H, W)."""
        pixels = [rle.decode(one["segmentation"]) for one in self.masks]
        return np.array(pixels, bool).reshape(-1, *self.masks.image_hw)


class WordsPredictor:
    """Ranks masks for words. What is known of an image is kept as long as its array lives."""

    def __init__(
        self,
        sam: Predictor,
        semantic: DinoEncoder,
        encoder: WordsEncoder,
        comparison: Comparison = BY_NAMES,
    ) -> None:
        self.sam, self.semantic, self.encoder = sam, semantic, encoder
        self.comparison = comparison
        self._candidates = EmbeddingCache[Candidates]()

    @classmethod
    def load(
        cls,
        weights: str | Path = DEFAULT,
        *,
        device: str = "auto",
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """With a SAM and the encoders of the registry.

        Raises ``WeightsError``, ``Error``, and ``MissingExtraError`` without ``anymask[text]``.
        """
        encoder = NamesEncoder.load(offline=offline, on_progress=on_progress)
        return cls(
            load(weights, device=device, offline=offline, on_progress=on_progress),
            DinoEncoder.load(find_device(device), offline=offline, on_progress=on_progress),
            encoder,
        )

    def candidates(self, pixels: Pixels) -> Candidates:
        """Everything in an (H, W, 3) image, embedded, and kept for the next words."""

        def look() -> Candidates:
            config = replace(suggested(self.sam), fast=True)
            found = segment_everything(self.sam, pixels, config)
            large = [one for one in found if max(one["bbox"][2:]) >= SMALLEST_PX]
            masks = Annotations(large, found.image_hw)
            if not masks:
                return Candidates(masks, np.zeros((0, 0), np.float32))
            return Candidates(masks, self._embedded(pixels, masks))

        return self._candidates.get(pixels, look)

    def rank(self, pixels: Pixels, phrase: str) -> RankedMasks:
        """The masks that are like a phrase. Raises ``PromptError`` for one without a letter."""
        if not any(letter.isalnum() for letter in phrase):
            raise PromptError("words to look for need a letter or a digit")
        found = self.candidates(pixels)
        if not found.masks:
            nothing = np.zeros(0, np.float32)
            return RankedMasks(found.masks, nothing, "nothing was found in the image")
        words = self.encoder.embed_words([phrase])
        scores = self.comparison.likeness(found.embedded, words)[:, 0]
        order = np.argsort(-scores, kind="stable")
        least = float(self.comparison.least(words)[0])
        there = order[scores[order] >= least]
        best = float(scores[order[0]])
        reason = f"nothing is like it: the likest scores {best:.1f}, below {least:.1f}"
        return RankedMasks(
            Annotations([found.masks[one] for one in there], found.masks.image_hw),
            scores[there],
            "" if there.size else reason,
        )

    def _embedded(self, pixels: Pixels, masks: Annotations) -> Floats:
        features = self.semantic.features(pixels)
        decoded = (np.asarray(rle.decode(one["segmentation"]), bool) for one in masks)
        objects = [ShownObject.of_mask(pixels, mask, features) for mask in decoded]
        return self.encoder.embed_images(objects)
