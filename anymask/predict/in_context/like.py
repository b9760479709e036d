"""LikePredictor: the same thing in another image without training, by features and a SAM.

Patches of the image are compared with those of the examples, inside their masks and outside, by
two models' features; patches of the image that look alike agree on it; masks of everything in the
image take the mean of theirs. What is nearly as like as the likest of them is the answer, drawn
once more by the SAM. The ways are those of PerSAM (arXiv 2305.03048) and Matcher (2305.13310) up to
the points: here masks are judged as wholes, which needs no guess at where to point.

Shape legend: H W pixels of an image, h w patches, N masks, y x pixels of the size of kept masks.
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
from anymask.core.in_context.example import Example
from anymask.core.in_context.features import FeatureMap, at_full_size
from anymask.core.in_context.instances import Completeness, instances
from anymask.core.in_context.likeness import (
    Shown,
    diffused,
    like_the_likest,
    likeness,
    patches_of,
    presence,
    together,
)
from anymask.core.in_context.palette import LabelledPixels, Pixels
from anymask.core.in_context.regions import Regions, components, kept_size, relative, resized
from anymask.errors import PromptError, WeightsError
from anymask.predict.embedding_cache import EmbeddingCache
from anymask.predict.in_context.answer import FoundObject, InContextAnswer
from anymask.predict.in_context.looks import Looks
from anymask.predict.in_context.proposals import redrawn
from anymask.predict.in_context.semantic import DinoEncoder, SamEncoder, SemanticEncoder
from anymask.predict.predictor import Predictor, load
from anymask.weights.registry import DEFAULT

MOST_EXAMPLES = 64
SAM_WEIGHT = 0.4  # of the SAM's features beside semantic ones
SELF_WEIGHT = 0.3  # of likeness with the likest of the image itself, in either's features
LIKE = 0.68  # of the likest region's likeness: from here on it is the same thing
SMALLEST_OBJECT, SMALLEST_SHARE = 0.004, 0.1  # of the image, and of its largest object
MOST_OBJECTS = 20
LEAST_SCORE = 0.1  # below it nothing is there

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of an image, whatever is looked for in it."""

    embedding: ImageEmbedding
    features: tuple[FeatureMap, ...]


@dataclass(frozen=True, eq=False)
class Match:
    """Where something is like what was shown. relative: (y, x), 1 is as the likest region.

    score: in 0-1, how sure it is that it is there at all.
    """

    relative: Floats
    score: float


class LikePredictor:
    """Segments images as examples show, by a SAM and semantic features; nothing is trained.

    What is known of an image is kept as long as its array of pixels lives, of the last few; by
    ``KeptLooks`` on the disk, too.
    """

    def __init__(
        self, sam: Predictor, encoder: SemanticEncoder | None = None, looks: Looks | None = None
    ) -> None:
        """encoder: None for the embedding of the SAM alone. looks: what knows images; None: nothing
        is kept on the disk.
        """
        self.sam = sam
        self._looks = looks or Looks()
        own = SamEncoder(sam)
        self._encoders = (own,) if encoder is None else (encoder, own)
        self._weights = (1.0,) if encoder is None else (1.0, SAM_WEIGHT)
        name = sam.model_id.partition("@")[0]
        self.answered_by = own.name if encoder is None else f"{encoder.name} + {name}"
        self._seen = EmbeddingCache[Seen](MOST_EXAMPLES)
        self._regions = EmbeddingCache[Regions]()

    @classmethod
    def load(
        cls,
        weights: str | Path = DEFAULT,
        *,
        device: str = "auto",
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        looks: Looks | None = None,
    ) -> Self:
        """With a SAM, and DINOv2 if its weights are here or can be fetched.

        ``answered_by`` says which. Raises ``WeightsError`` and ``Error`` for the SAM.
        """
        sam = load(
            weights, device=device, dtype="float32", offline=offline, on_progress=on_progress
        )
        return cls.on(sam, offline=offline, on_progress=on_progress, looks=looks)

    @classmethod
    def on(
        cls,
        sam: Predictor,
        *,
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        looks: Looks | None = None,
    ) -> Self:
        """On a SAM that is loaded already, with DINOv2 as ``load`` has it."""
        try:
            encoder = DinoEncoder.load(sam.device, offline=offline, on_progress=on_progress)
        except WeightsError:
            return cls(sam, looks=looks)
        return cls(sam, encoder, looks)

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

        Raises ``PromptError`` for no examples and too many.
        """
        if not 1 <= len(examples) <= MOST_EXAMPLES:
            raise PromptError(f"{len(examples)} examples: from 1 to {MOST_EXAMPLES} are taken")
        seen = self.see(pixels, embedding)
        regions = self.regions(pixels, seen)
        found: list[FoundObject] = []
        best = np.zeros(kept_size(seen.embedding.image_hw), np.float32)
        labels = np.unique(np.concatenate([np.unique(example.labels) for example in examples]))
        sought: dict[int, list[Shown]] = {}
        matches: dict[int, Match] = {}
        for label in labels[labels > 0].tolist():
            sought[label] = self.shown(label, examples, rejected, without)
            match = self.match(seen, regions, sought[label])
            for example in rejected:
                if _is_same(example.pixels, pixels):
                    match.relative[resized(example.labels > 0, best.shape)] = 0
            matches[label] = match
            best = np.maximum(best, match.relative)
        for label, match in matches.items():
            if match.score >= LEAST_SCORE:
                own = np.where(match.relative >= best, match.relative, 0)
                parts = self._parts(seen, regions, own, sought[label][0])
                masks = redrawn(self.sam, seen.embedding, parts)
                found += [FoundObject(mask, label, match.score) for mask in masks]
        found.sort(key=lambda one: -one.score)
        return InContextAnswer(_labelled(found, matches, pixels), tuple(found), self.answered_by)

    def see(self, pixels: Pixels, embedding: ImageEmbedding | None = None) -> Seen:
        """The embedding and features of an image, kept for the next time."""

        def look() -> Seen:
            looks = self._looks
            embedded = looks.embedding(self.sam, pixels) if embedding is None else embedding
            first, *others = (looks.features(one, pixels, embedded) for one in self._encoders)
            return Seen(embedded, (first, *(other.at(first.hw) for other in others)))

        return self._seen.get(pixels, look)

    def regions(self, pixels: Pixels, seen: Seen) -> Regions:
        """The masks of everything in an image, kept for the next time."""

        def look() -> Regions:
            masks = self._looks.masks(self.sam, pixels, seen.embedding)
            return Regions.of_masks(masks, seen.features[0].hw)

        return self._regions.get(pixels, look)

    def match(self, seen: Seen, regions: Regions, shown: Sequence[Shown]) -> Match:
        """Where an image is like what was shown, in the features of each encoder."""
        maps = [likeness(features, one) for features, one in zip(seen.features, shown)]
        agreed = diffused(together(maps, self._weights), seen.features[0])
        patches, masks = relative(agreed, regions)
        likely = regions.smoothed(masks, patches)
        alike = [like_the_likest(features, likely) for features in seen.features]
        weights = (1.0, *(SELF_WEIGHT for _ in alike))
        patches, masks = relative(together([agreed, *alike], weights), regions)
        likely = regions.smoothed(masks, patches)
        score = presence(seen.features[0], likely, shown[0], LIKE)
        return Match(regions.painted(masks, patches), score)

    def shown(
        self,
        label: int,
        examples: Sequence[Example],
        rejected: Sequence[Example],
        without: Sequence[Pixels],
    ) -> list[Shown]:
        """What all examples show of a label, in the features of each encoder."""
        looks = [(self.see(one.pixels).features, one.labels == label) for one in examples]
        shown = [
            Shown.of_examples((features[number], mask) for features, mask in looks)
            for number in range(len(self._encoders))
        ]
        for example in rejected:
            for number, features in enumerate(self.see(example.pixels).features):
                is_in = patches_of(features, example.labels > 0)
                shown[number] = shown[number].without(features.patches[is_in])
        for pixels in without:
            for number, features in enumerate(self.see(pixels).features):
                shown[number] = shown[number].without_any(features.patches)
        return shown

    def _parts(
        self, seen: Seen, regions: Regions, relative_likeness: Floats, shown: Shown
    ) -> list[Mask]:
        """(H, W) each: the things that a map of likeness (y, x) shows, touching ones apart."""
        is_like = at_full_size(relative_likeness, seen.embedding.image_hw) >= LIKE
        parts = components(is_like, SMALLEST_OBJECT)[:MOST_OBJECTS]
        parts = [part for part in parts if part.sum() >= SMALLEST_SHARE * parts[0].sum()]
        complete = Completeness(seen.features[0], shown.inside, ~is_like)
        things: list[Mask] = []
        for part in parts:
            small = resized(part, relative_likeness.shape)
            pieces = instances(small, regions.masks, complete)
            if len(pieces) > 1:
                things += [resized(piece, part.shape) & part for piece in pieces]
            else:
                things.append(part)
        return things[:MOST_OBJECTS]


def _labelled(
    found: Sequence[FoundObject], matches: dict[int, Match], pixels: Pixels
) -> LabelledPixels:
    """Each pixel's label; the surest object has a pixel that several have."""
    hw = pixels.shape[0], pixels.shape[1]
    labels, confidence = np.zeros(hw, np.int32), np.zeros(hw, np.float32)
    for one in reversed(found):
        sure = at_full_size(np.clip(matches[one.label].relative, 0, 1), hw) * one.score
        labels[one.mask] = one.label
        confidence[one.mask] = sure[one.mask]
    return LabelledPixels(labels, confidence)


def _is_same(one: Pixels, other: Pixels) -> bool:
    return one is other or (one.shape == other.shape and bool((one == other).all()))
