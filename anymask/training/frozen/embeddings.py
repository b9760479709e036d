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
HEADER_BYTES = 1024  # of a file, in which the maker stands


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
        return self._tensor(self.embedding(sample))

    def embedding(self, sample: Sample) -> ImageEmbedding:
        """The same as a value, under the name of the encoder. Raises as ``of``."""
        if self.folder is None:
            return self.encoder.encode(sample.pixels())
        path, maker = self._path(sample.name), self._maker(sample.fingerprint)
        if not path.exists():
            self.keep(sample.name, sample.fingerprint, self.encoder.encode(sample.pixels()))
            self.computed += 1
        # Also the first time: float16 numbers in all epochs, or in none.
        kept = _read(path, maker, sample.name)
        return replace(kept, model=self.encoder.model_id)

    def check(self, sample: Sample) -> None:
        """Raise ``ImageError`` if a sample's embedding is neither kept nor can be computed."""
        if self.folder is None or not self._path(sample.name).exists():
            sample.pixels()

    def is_kept(self, name: str, fingerprint: str) -> bool:
        """Whether the embedding of a sample of this name and content is there."""
        try:
            with self._path(name).open("rb") as file:
                return self._maker(fingerprint).encode() in file.read(HEADER_BYTES)
        except FileNotFoundError:
            return False

    def keep(self, name: str, fingerprint: str, embedding: ImageEmbedding) -> None:
        """Keep an embedding that the encoder made of a sample, in place of any of that name.

        Raises ``OutputError``.
        """
        with writing(self._path(name)) as part:
            part.write_bytes(replace(embedding, model=self._maker(fingerprint)).to_bytes())

    def _maker(self, fingerprint: str) -> str:
        return f"{self.encoder.kept_as}{SEPARATOR}{fingerprint}"

    def _path(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.emb"

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
