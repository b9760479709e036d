"""TokenPredictor: words as a token of SAM's own prompt (*Segment Anything*, §7.5, §D.5).

The model has learned what pictures of things say (recipe ``text_prompts``); words say the same to
it where the encoder's pictures and words lie near each other.

Shape legend: P phrases, N points.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy.typing as npt

from anymask.core.embedding import ImageEmbedding
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.errors import NoTextError, PromptError
from anymask.predict.predictor import load
from anymask.predict.promptable import Promptable
from anymask.predict.words.known_encoders import NAMES, load_text_encoder
from anymask.predict.words.text_encoder import TextEncoder


class TokenPredictor:
    """A SAM that reads, and the encoder of what it reads."""

    def __init__(self, sam: Promptable, encoder: TextEncoder) -> None:
        """Raises ``NoTextError`` for a model that has not learned from this encoder's pictures."""
        if not sam.text_width:
            raise NoTextError(
                f"{sam.name} has not learned to read text: train it with "
                "`anymask train text_prompts`"
            )
        if sam.text_space != encoder.config.space or sam.text_width != encoder.config.width:
            raise NoTextError(
                f"{sam.name} has learned to read {sam.text_space}, and this encoder's words are "
                f"{encoder.config.space}"
            )
        self.sam, self.encoder = sam, encoder

    @classmethod
    def load(
        cls,
        weights: str | Path,
        text_encoder: str = NAMES,
        *,
        device: str = "auto",
        offline: bool | None = None,
    ) -> Self:
        """A checkpoint of ``anymask train text_prompts``, and what it has learned from.

        text_encoder: as the recipe's (``predict.words.known_encoders.load_text_encoder``).
        Raises ``WeightsError``, ``Error``, and ``NoTextError`` if they don't belong together.
        """
        sam = load(weights, device=device, offline=offline)
        return cls(sam, load_text_encoder(text_encoder, offline=offline))

    def prompts(self, phrases: Sequence[str]) -> Prompts:
        """One prompt for each of P phrases. Raises ``PromptError`` for one without a letter."""
        if isinstance(phrases, str) or not phrases:
            raise PromptError("prompts takes a list of phrases")
        if not all(any(letter.isalnum() for letter in phrase) for phrase in phrases):
            raise PromptError("words to look for need a letter or a digit")
        return Prompts.of_text_embeddings(self.encoder.embed_words(phrases))

    def segment(
        self,
        embedding: ImageEmbedding,
        phrase: str,
        points: npt.ArrayLike | None = None,
        labels: npt.ArrayLike | None = None,
        earlier: Masks | None = None,
    ) -> Masks:
        """What a phrase means in an image, in three versions; with points, in one.

        points, labels: (N, 2) and (N,), where the words alone miss (§D.5). earlier: the answer to
        the words alone, which the points correct. Raises ``PromptError`` and ``EmbeddingError``.
        """
        prompts = self.prompts([phrase])
        if points is not None:
            prompts = prompts.with_points(points, labels)
        if earlier is not None:
            prompts = prompts.with_masks(earlier.logits[:, 0])
        return self.sam.predict(embedding, prompts)
