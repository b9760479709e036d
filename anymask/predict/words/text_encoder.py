"""TextEncoder: whatever embeds pictures and words as vectors of one space, compared by the cosine.

A SAM that has learned from a space's pictures (recipe ``text_prompts``) is asked with its words.

Shape legend: n objects, m words, d numbers of an embedding, H W pixels of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap
from anymask.core.words.crops import CropView, Mask, Pixels
from anymask.core.words.objects import ShownObject
from anymask.models.text import TextConfig
from anymask.predict.words.encoder import WordsEncoder


class ImageFeatures(Protocol):
    """What describes an image's patches, such as ``DinoEncoder``."""

    def features(self, pixels: Pixels) -> FeatureMap:
        """Of an (H, W, 3) RGB image."""
        ...


class TextEncoder(WordsEncoder, Protocol):
    """config: its width d, and the name of its space. side_px: of the crops that it looks at.
    semantic: what describes an image's patches for it, if it looks at them."""

    @property
    def config(self) -> TextConfig: ...
    @property
    def side_px(self) -> int: ...
    @property
    def semantic(self) -> ImageFeatures | None: ...

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        """(n, d) of length 1."""
        ...

    def embed_words(self, words: Sequence[str]) -> Floats:
        """(m, d) of length 1."""
        ...


def embed_crops(
    encoder: TextEncoder, pixels: Pixels, masks: Sequence[Mask], views: Sequence[Sequence[CropView]]
) -> Floats:
    """(n, V, d): each mask (H, W) of an (H, W, 3) image in each of its V views."""
    features = encoder.semantic.features(pixels) if encoder.semantic else None
    objects = [
        ShownObject.of_mask(pixels, mask, features, view, encoder.side_px)
        for mask, each in zip(masks, views)
        for view in each
    ]
    return encoder.embed_images(objects).reshape(len(masks), -1, encoder.config.width)
