"""TokenPredictor: words as a token of SAM's own prompt (*Segment Anything*, §7.5, §D.5).

The model has learned what pictures of things say (recipe ``text_prompts``); words say the same to
it where the encoder's pictures and words lie near each other.

Shape legend: P phrases, N points.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from anymask.core.annotations import Annotation, Annotations
from anymask.core.embedding import ImageEmbedding
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.words.crops import Pixels
from anymask.core.words.meanings import plain
from anymask.core.words.phrases import check_named
from anymask.errors import NoTextError, PromptError, shown
from anymask.predict.predictor import load
from anymask.predict.promptable import Promptable
from anymask.predict.words.answer import WordsAnswer
from anymask.predict.words.known_encoders import NAMES, load_text_encoder
from anymask.predict.words.text_encoder import TextEncoder

LEAST_IOU = 0.5  # that a model expects of its mask for words that name something there


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
        sam = load(weights, device=device, dtype="float32", offline=offline)
        return cls(sam, load_text_encoder(text_encoder, offline=offline))

    def prompts(self, phrases: Sequence[str]) -> Prompts:
        """One prompt for each of P phrases. Raises ``PromptError`` for one without a letter."""
        if isinstance(phrases, str) or not phrases:
            raise PromptError("prompts takes a list of phrases")
        for phrase in phrases:
            check_named(phrase)
        return Prompts.of_text_embeddings(self.encoder.embed_words(phrases))

    @property
    def model_id(self) -> str:
        """Names of all that answers depend on, and the hash of the SAM's weights."""
        name, _, sha256 = self.sam.model_id.rpartition("@")
        return f"{name} + {self.encoder.config.space}@{sha256}"

    def find(
        self, pixels: Pixels, text: str | Sequence[str], least_iou: float = LEAST_IOU
    ) -> WordsAnswer:
        """What texts name in an (H, W, 3) RGB image, one mask each, as ``WordsPredictor.find``.

        least_iou: where the model expects less of its mask, it is none. A text is one phrase here:
        numbers and places are words like others. Raises ``PromptError``.
        """
        texts = [text] if isinstance(text, str) else list(text)
        prompts, embedding = self.prompts(texts), self.sam.encode(pixels)
        best = self.sam.predict(embedding, prompts).best()
        sure = best.predicted_iou[:, 0]
        masks: list[Annotation] = []
        reasons = []
        for phrase, one, iou in zip(texts, best.annotations(), sure.tolist()):
            if iou >= least_iou and one["area"]:
                masks.append({**one, "id": len(masks), "label": plain(phrase)})
            else:
                what = (
                    f"the best mask is expected to fit by {max(iou, 0):.2f}, below {least_iou:.2f}"
                )
                reasons.append(f"nothing is like {shown(plain(phrase))}: {what}")
        likeness = np.array([one["predicted_iou"] for one in masks], np.float32)
        annotations = Annotations(masks, embedding.image_hw)
        return WordsAnswer(annotations, likeness, tuple(reasons), self.model_id)

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
