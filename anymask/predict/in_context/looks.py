"""Looks: what must be known of an image before anything is looked for in it.

An embedding, features and masks take seconds, and comparing them with examples a fifth of one; so
they are kept from one question to the next.

Shape legend: N masks, h w patches, y x pixels of the size that masks are kept at, C channels.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.in_context.features import FeatureMap, Mask
from anymask.core.in_context.palette import Pixels
from anymask.errors import EmbeddingError
from anymask.predict.disk_cache import DiskCache
from anymask.predict.in_context.proposals import EVERYTHING, everything
from anymask.predict.in_context.semantic import SemanticEncoder
from anymask.predict.pixel_names import PixelNames
from anymask.predict.predictor import Predictor

GRID = "features"  # the name of their array
QUICK = 1  # zlib's level: masks shrink to a twentieth anyway


class Looks:
    """What is known of images, computed anew each time."""

    def embedding(self, sam: Predictor, pixels: Pixels) -> ImageEmbedding:
        """Of an (H, W, 3) RGB image."""
        return sam.encode(pixels)

    def features(
        self, encoder: SemanticEncoder, pixels: Pixels, embedding: ImageEmbedding
    ) -> FeatureMap:
        """(h, w, C) of an image and the SAM's embedding of it."""
        return encoder.features(pixels, embedding)

    def masks(self, sam: Predictor, pixels: Pixels, embedding: ImageEmbedding) -> Mask:
        """(N, y, x) of everything in it."""
        return everything(sam, embedding)


class KeptLooks(Looks):
    """What is known of images, kept on the disk beside embeddings, in the same bounded space.

    Numbers are those of float16, also the first time, so that an answer does not depend on what was
    kept. What is damaged, or another model's, is made again.
    """

    def __init__(self, cache: DiskCache) -> None:
        self._cache, self._names = cache, PixelNames()

    def embedding(self, sam: Predictor, pixels: Pixels) -> ImageEmbedding:
        """Read, or computed and kept."""
        return self._packed(sam.kept_as, sam.model_id, pixels, lambda: sam.encode(pixels))

    def features(
        self, encoder: SemanticEncoder, pixels: Pixels, embedding: ImageEmbedding
    ) -> FeatureMap:
        """Read, or computed and kept; those of an encoder without an identity always computed."""
        if not encoder.identity:
            return encoder.features(pixels, embedding)

        def pack() -> ImageEmbedding:
            grid = encoder.features(pixels, embedding).grid
            return ImageEmbedding({GRID: grid}, embedding.resize_map, encoder.identity)

        kept = self._packed(encoder.identity, encoder.identity, pixels, pack)
        return FeatureMap.of_features(kept.arrays[GRID], kept.image_hw)

    def masks(self, sam: Predictor, pixels: Pixels, embedding: ImageEmbedding) -> Mask:
        """Read, or computed and kept."""
        how = hashlib.sha256(repr(EVERYTHING).encode()).hexdigest()[:8]
        name = self._names.of(f"{sam.kept_as} masks {how}", pixels)
        content = self._cache.get(name)
        masks = None if content is None else masks_from_bytes(content)
        if masks is None:
            masks = everything(sam, embedding)
            self._cache.put(name, masks_to_bytes(masks))
        return masks

    def _packed(
        self, kept_as: str, model: str, pixels: Pixels, compute: Callable[[], ImageEmbedding]
    ) -> ImageEmbedding:
        """Numbers that a model made of an image."""
        name = self._names.of(kept_as, pixels)
        content = self._cache.get(name)
        if content is not None:
            with suppress(EmbeddingError):
                kept = ImageEmbedding.from_bytes(content)
                if kept.model == model:
                    return kept
        content = compute().to_bytes()
        self._cache.put(name, content)
        return ImageEmbedding.from_bytes(content)


def masks_to_bytes(masks: Mask) -> bytes:
    """Masks (N, y, x): a line of JSON with their shape, and their bits, compressed."""
    shape = json.dumps(masks.shape).encode()
    return shape + b"\n" + zlib.compress(np.packbits(masks).tobytes(), QUICK)


def masks_from_bytes(content: bytes) -> Mask | None:
    """What ``masks_to_bytes`` packed; None of anything else."""
    line, _, packed = content.partition(b"\n")
    try:
        count, height, width = (int(side) for side in json.loads(line))
        bits = np.frombuffer(zlib.decompress(packed), np.uint8)
        masks = np.unpackbits(bits, count=count * height * width).astype(bool)
        return masks.reshape(count, height, width)
    except (ValueError, TypeError, zlib.error):
        return None
