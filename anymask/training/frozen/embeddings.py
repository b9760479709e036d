"""Embeddings of a frozen encoder, kept in files: an epoch then costs only the decoder.

A kept embedding names the model that made it and the bytes of its image. One that names others is
stale, and refused: nobody should learn from the wrong image without noticing.

Shape legend: C channels, h w embedding grid.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from anymask.core.atomic import make_folder, writing
from anymask.core.embedding import ImageEmbedding
from anymask.datasets.sample import Sample
from anymask.errors import EmbeddingError, StaleCacheError
from anymask.predict.predictor import IMAGE_EMBED, Predictor

SEPARATOR = " of image "


class Embeddings:
    """What an encoder that does not learn says of images.

    folder: where to keep it; None for nowhere.
    """

    def __init__(self, encoder: Predictor, folder: Path | None = None) -> None:
        self.encoder = encoder
        self.folder = folder
        self.computed = 0
        if folder is not None:
            make_folder(folder)

    def of(self, sample: Sample) -> Tensor:
        """The embedding of a whole image, (1, C, h, w) on the encoder's device.

        Raises ``StaleCacheError``, ``ImageError``, and ``OutputError``.
        """
        if self.folder is None:
            return self._tensor(self.encoder.encode(sample.pixels()))
        path = self._path(sample)
        maker = f"{self.encoder.model_id}{SEPARATOR}{sample.fingerprint}"
        if not path.exists():
            made = replace(self.encoder.encode(sample.pixels()), model=maker)
            with writing(path) as part:
                part.write_bytes(made.to_bytes())
            self.computed += 1
        # Also the first time: float16 numbers in all epochs, or in none.
        return self._tensor(_read(path, maker, sample.name))

    def check(self, sample: Sample) -> None:
        """Raise ``ImageError`` if a sample's embedding is neither kept nor can be computed."""
        if self.folder is None or not self._path(sample).exists():
            sample.pixels()

    def _path(self, sample: Sample) -> Path:
        assert self.folder is not None
        return self.folder / f"{hashlib.sha256(sample.name.encode()).hexdigest()[:32]}.emb"

    def _tensor(self, embedding: ImageEmbedding) -> Tensor:
        array = torch.from_numpy(embedding.arrays[IMAGE_EMBED])[None]
        return array.to(self.encoder.device)


def _read(path: Path, maker: str, name: str) -> ImageEmbedding:
    try:
        embedding = ImageEmbedding.from_bytes(path.read_bytes())
    except EmbeddingError as error:
        raise StaleCacheError(f"the kept embedding {path} of {name}: {error}; remove it") from None
    if embedding.model == maker:
        return embedding
    model, _, _ = embedding.model.partition(SEPARATOR)
    wanted, _, _ = maker.partition(SEPARATOR)
    what = (
        f"was made by {model}, not by {wanted}"
        if model != wanted
        else "was made before the image changed"
    )
    raise StaleCacheError(
        f"the embedding of {name} that is kept in {path.parent} {what}; remove that folder or name "
        f"another with --set cache=FOLDER"
    )
