"""Kept embeddings: the annotation tool's own, read by what the engine does without a person."""

from __future__ import annotations

from dataclasses import dataclass

from anymask.core.embedding import ImageEmbedding
from anymask.core.protocol import Segmenter
from anymask.engine.embeddings.embeddings import name_of, renamed
from anymask.engine.pictures.folder import ImageFile
from anymask.engine.pictures.pictures import Pictures
from anymask.predict.disk_cache import DiskCache


@dataclass(frozen=True)
class KeptEmbeddings:
    """Embeddings for a model; what is not there is computed, and kept.

    made_by: the model whose embeddings ``sam`` reads; "" for its own.
    """

    sam: Segmenter
    pictures: Pictures
    cache: DiskCache
    made_by: str = ""

    @property
    def encoder_id(self) -> str:
        """What they are kept under."""
        return self.made_by or self.sam.model_id

    def of(self, file: ImageFile) -> ImageEmbedding:
        """An image's, as the model reads it. Raises ``ImageError``."""
        name = name_of(self.encoder_id, file)
        content = self.cache.get(name)
        if content is None:
            computed = self.sam.encode(self.pictures.pixels(file)).to_bytes()
            content = renamed(computed, self.encoder_id)
            self.cache.put(name, content)
        return ImageEmbedding.from_bytes(renamed(content, self.sam.model_id))
