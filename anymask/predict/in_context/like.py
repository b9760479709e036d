"""LikePredictor: the same thing in another image without training, by features and a SAM.

Patches of the image are compared with those of the examples, inside their masks and outside; that
makes a map of how likely it is where. Masks of a SAM, everything in the image and what it makes of
the likely places, are chosen so that together they cover what is likely and little else. These are
the ways of PerSAM (arXiv 2305.03048) and Matcher (2305.13310), with one measure for all of them,
the expected IoU.

Shape legend: H W pixels of an image, h w patches, N masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.in_context.coverage import covering, expected_iou, union
from anymask.core.in_context.example import Example
from anymask.core.in_context.features import FeatureMap, at_full_size, patch_shares
from anymask.core.in_context.likeness import MOSTLY, Shown, likeness
from anymask.core.in_context.palette import LabelledPixels, Pixels
from anymask.errors import PromptError, WeightsError
from anymask.predict.embedding_cache import EmbeddingCache
from anymask.predict.in_context.answer import FoundObject, InContextAnswer
from anymask.predict.in_context.proposals import everything
from anymask.predict.in_context.semantic import DinoEncoder, SamEncoder, SemanticEncoder
from anymask.predict.predictor import Predictor, find_device, load
from anymask.weights.registry import DEFAULT

MOST_EXAMPLES = 64
LEAST_SCORE = 0.3  # of expected IoU: below it nothing is there
GRID_PX = 256  # longest side of the grid that masks are compared on

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of an image, whatever is looked for in it."""

    embedding: ImageEmbedding
    features: FeatureMap
    masks: Mask  # (N, H, W)


class LikePredictor:
    """Segments images as examples show, by a SAM and semantic features; nothing is trained.

    What is known of an image is kept as long as its array of pixels lives, of the last few.
    """

    def __init__(self, sam: Predictor, encoder: SemanticEncoder | None = None) -> None:
        """encoder: None for the embedding of the SAM alone."""
        self.sam = sam
        self.encoder: SemanticEncoder = encoder or SamEncoder(sam)
        name = sam.model_id.partition("@")[0]
        self.answered_by = self.encoder.name if encoder is None else f"{self.encoder.name} + {name}"
        self._features = EmbeddingCache[tuple[ImageEmbedding, FeatureMap]](MOST_EXAMPLES)
        self._masks = EmbeddingCache[Mask]()

    @classmethod
    def load(
        cls,
        weights: str | Path = DEFAULT,
        *,
        device: str = "auto",
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """With a SAM, and DINOv2 if its weights are here or can be fetched.

        ``answered_by`` says which. Raises ``WeightsError`` and ``Error`` for the SAM.
        """
        sam = load(weights, device=device, offline=offline, on_progress=on_progress)
        try:
            encoder = DinoEncoder.load(
                find_device(device), offline=offline, on_progress=on_progress
            )
        except WeightsError:
            return cls(sam)
        return cls(sam, encoder)

    def __repr__(self) -> str:
        return f"LikePredictor({self.answered_by})"

    def segment(
        self,
        pixels: Pixels,
        examples: Sequence[Example],
        *,
        rejected: Sequence[Example] = (),
        without: Sequence[Pixels] = (),
        embedding: ImageEmbedding | None = None,
    ) -> InContextAnswer:
        """What is like the examples in another image, each label for itself.

        pixels: (H, W, 3) RGB. rejected: what is none of it, in whatever image; a mask in this very
        image is not answered again. without: images in which there is nothing of it. embedding: of
        this image by the same SAM, if there is one.

        Raises ``PromptError`` for no examples and too many, ``EmbeddingError`` for another model's.
        """
        if not 1 <= len(examples) <= MOST_EXAMPLES:
            raise PromptError(f"{len(examples)} examples: from 1 to {MOST_EXAMPLES} are taken")
        seen = self._see(pixels, embedding)
        hw = pixels.shape[0], pixels.shape[1]
        labels = sorted({int(one) for example in examples for one in np.unique(example.labels)})
        labelled = LabelledPixels(np.zeros(hw, np.int32), np.zeros(hw, np.float32))
        objects: list[FoundObject] = []
        for label in labels:
            if label == 0:
                continue
            shown = self._shown(label, examples, rejected, without)
            chance = at_full_size(likeness(seen.features, shown), hw)
            mask, score = self._covered(seen, chance)
            if score < LEAST_SCORE:
                continue
            better = mask & (chance > labelled.confidence)
            labelled.labels[better] = label
            labelled.confidence[better] = chance[better]
            objects.append(FoundObject(mask, label, score))
        objects.sort(key=lambda one: -one.score)
        return InContextAnswer(labelled, tuple(objects), self.answered_by)

    def _shown(
        self,
        label: int,
        examples: Sequence[Example],
        rejected: Sequence[Example],
        without: Sequence[Pixels],
    ) -> Shown:
        shown = Shown.of_examples(
            (self._look(example.pixels)[1], example.labels == label) for example in examples
        )
        for example in rejected:
            features = self._look(example.pixels)[1]
            shares = patch_shares(example.labels > 0, features.hw).reshape(-1)
            shown = shown.without(features.patches[shares >= MOSTLY])
        for image in without:
            shown = shown.without(self._look(image)[1].patches)
        return shown

    def _look(
        self, pixels: Pixels, embedding: ImageEmbedding | None = None
    ) -> tuple[ImageEmbedding, FeatureMap]:
        """The embedding and features of an image, kept for the next time."""

        def look() -> tuple[ImageEmbedding, FeatureMap]:
            embedded = self.sam.encode(pixels) if embedding is None else embedding
            return embedded, self.encoder.features(pixels, embedded)

        return self._features.get(pixels, look)

    def _see(self, pixels: Pixels, embedding: ImageEmbedding | None) -> Seen:
        embedded, features = self._look(pixels, embedding)

        def look() -> Mask:
            return everything(self.sam, embedded)

        return Seen(embedded, features, self._masks.get(pixels, look))

    def _covered(self, seen: Seen, chance: Floats) -> tuple[Mask, float]:
        """The union of masks that covers what is likely best, and how well it can be expected to.

        chance: (H, W) in 0-1.
        """
        candidates = np.concatenate([seen.masks, (chance > MOSTLY)[None]])
        scale = max(1, max(chance.shape) // GRID_PX)
        flat = candidates[:, ::scale, ::scale].reshape(len(candidates), -1).astype(np.float32)
        places = np.ascontiguousarray(chance[::scale, ::scale]).reshape(-1)
        chosen = covering(places, flat)
        if not chosen:
            return np.zeros(chance.shape, bool), 0.0
        mask = union(candidates, chosen)
        fit = expected_iou(places, mask[::scale, ::scale].reshape(1, -1).astype(np.float32))
        return mask, float(fit[0])
