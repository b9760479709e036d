"""Source: where an experiment's data is, and how it is to be read."""

from __future__ import annotations

from dataclasses import dataclass

from anymask.datasets.dataset_options import AS_IT_SAYS, DatasetOptions
from anymask.datasets.sample import Dataset


@dataclass(frozen=True)
class Source:
    """A path or URL of images with masks (``datasets.recognise.open_dataset``).

    split_regions: whether every region of a value in a mask picture is an object of its own. void:
    values of mask pictures that are no object; None: 0 and 255.
    """

    data: str
    split_regions: bool = False
    void: tuple[int, ...] | None = None
    options: DatasetOptions = AS_IT_SAYS

    def open(self) -> Dataset:
        """The dataset. Raises ``DatasetError``."""
        return self.options.open(self.data, split_regions=self.split_regions, void=self.void)
