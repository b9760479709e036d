"""Source: where an experiment's data is, and how it is to be read."""

from __future__ import annotations

from dataclasses import dataclass

from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset


@dataclass(frozen=True)
class Source:
    """A path or URL of images with masks (``datasets.recognise.open_dataset``).

    split_regions: whether every region of a value in a mask picture is an object of its own. void:
    values of mask pictures that are no object; None: 0 and 255. images: a folder where images are
    that lie apart from their masks. options: the page, bands and values looked at in images.
    """

    data: str
    split_regions: bool = False
    void: tuple[int, ...] | None = None
    images: str = ""
    options: ReadOptions = AS_STORED

    def open(self) -> Dataset:
        """The dataset. Raises ``DatasetError``."""
        return open_dataset(
            self.data,
            split_regions=self.split_regions,
            void=self.void,
            images=self.images or None,
            options=self.options,
        )
