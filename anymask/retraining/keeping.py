"""Keeping: embeddings to learn from are those of the annotation tool; none is computed twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from anymask.core.embedding import ImageEmbedding
from anymask.datasets.sample import Dataset
from anymask.engine.embeddings.embeddings import name_of
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.errors import ImageError, StoreError
from anymask.predict.disk_cache import DiskCache
from anymask.training.frozen.embeddings import Embeddings

Progress = Callable[[int, int], None]


def keep_embeddings(
    datasets: Iterable[Dataset],
    folder: ImageFolder,
    pictures: Pictures,
    cache: DiskCache,
    embeddings: Embeddings,
    on_step: Progress = lambda done, total: None,
) -> int:
    """Fill ``embeddings`` with those of all images of datasets; how many had to be computed.

    folder: of the images, by the names that the datasets' files have for them. cache: the
    annotation tool's, which gets what is computed. An image that can't be read is passed over here,
    and where it is learned from. Raises ``OutputError``.
    """
    encoder = embeddings.encoder
    parts = [part for dataset in datasets for part in dataset.parts]
    computed = 0
    for number, part in enumerate(parts, start=1):
        on_step(number, len(parts))
        name = part.name
        try:
            file = folder.file(part.written or name)
            if embeddings.is_kept(name, file.fingerprint):
                continue
            key = name_of(encoder.model_id, file)
            content = cache.get(key)
            if content is None:
                content = encoder.encode(pictures.pixels(file)).to_bytes()
                cache.put(key, content)
                computed += 1
        except (ImageError, StoreError):
            continue
        embeddings.keep(name, file.fingerprint, ImageEmbedding.from_bytes(content))
    return computed
