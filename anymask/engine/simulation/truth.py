"""Truth: the objects of each image, read from a dataset when the image is worked on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

from anymask.core import rle
from anymask.core.image import read_size
from anymask.core.rle import RLE
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import NO_OBJECT, Dataset, Part, Sample
from anymask.engine.importing.reading import upright_masks
from anymask.errors import DatasetError, Error


class Truth:
    """The objects of a dataset's images, by the names of images. Threads may share it.

    A crowd is no object, and neither is a pixel that nobody decided about.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.notes = tuple(f"{note.name}: {note.reason}" for note in dataset.notes)
        self._parts = {part.name: part for part in dataset.parts}
        files = Counter(map(_file, self._parts))
        self._by_file = {
            _file(name): part for name, part in self._parts.items() if files[_file(name)] == 1
        }

    @classmethod
    def open(cls, location: str, images: Path | None = None) -> Truth:
        """Of a dataset in any layout. images: where they lie, if not beside their masks.

        Raises ``DatasetError``.
        """
        return cls(open_dataset(location, images=images))

    def objects(self, name: str) -> tuple[RLE, ...]:
        """The objects of an image, the largest first: prominent ones are (§4); () for no image.

        Raises ``Error`` where they can't be read.
        """
        part = self._parts.get(name) or self._by_file.get(_file(name))
        if part is None:
            return ()
        return tuple(sorted(_objects(part), key=lambda one: -rle.area(one)))


def _objects(part: Part) -> list[RLE]:
    for sample in part.samples():
        if not isinstance(sample, Sample):
            if sample.reason == NO_OBJECT:
                return []
            raise DatasetError(f"{sample.name} {sample.reason}")
        try:
            masks = upright_masks(sample, read_size(sample.content, sample.name))
        except Error as error:
            raise DatasetError(f"{sample.name} {error}") from None
        return [mask for mask, is_object in zip(masks, sample.is_object) if is_object]
    return []


def _file(name: str) -> str:
    return PurePosixPath(name).name
