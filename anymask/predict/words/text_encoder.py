"""TextEncoder: whatever embeds pictures and words as vectors of one space, compared by the cosine.

A SAM that has learned from a space's pictures (recipe ``text_prompts``) is asked with its words.

Shape legend: n objects, m words, d numbers of an embedding, H W pixels of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap
from anymask.core.words.crops import CropView, Mask, Pixels
from anymask.core.words.objects import ShownObject
from anymask.errors import UnknownWeightsError
from anymask.models.text import TextConfig

NAMES = "names"  # the encoder that the registry has all files of


class ImageFeatures(Protocol):
    """What describes an image's patches, such as ``DinoEncoder``."""

    def features(self, pixels: Pixels) -> FeatureMap:
        """Of an (H, W, 3) RGB image."""
        ...


class TextEncoder(Protocol):
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


def text_config(source: str) -> TextConfig:
    """What ``load_text_encoder`` will give, without loading it. Raises as it does."""
    from anymask.predict.words.sentence_space import names_config

    return names_config(_adapter(source))


def load_text_encoder(source: str = NAMES, *, offline: bool | None = None) -> TextEncoder:
    """``names``: a classifier's and an adapter's names, embedded as sentences; with the file of
    another adapter (``.npz``) in its place.

    Raises ``WeightsError``, and ``MissingExtraError`` without the extra that it needs.
    """
    from anymask.predict.words.sentence_space import SentenceSpace

    return SentenceSpace.load(_adapter(source), offline=offline)


def _adapter(source: str) -> Path | None:
    """The adapter's file; None for the one of the package."""
    if source == NAMES:
        return None
    path = Path(source)
    if path.suffix == ".npz" and path.is_file():
        return path
    raise UnknownWeightsError(f"there is no text encoder {source!r}: take {NAMES}, or a file")
