"""Dataset options: how a dataset is read where its files leave a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset


@dataclass(frozen=True)
class DatasetOptions:
    """What a person says of a dataset, as ``recognise.open_dataset`` has it.

    images: the folder of images that lie apart from their masks. crowds: "objects" or "ignore", for
    what COCO's files mark. "" of either: as the data says. pixels: the page, bands and values that
    are looked at in images.
    """

    images: str = ""
    crowds: str = ""
    pixels: ReadOptions = AS_STORED

    def open(
        self, location: str, *, split_regions: bool = False, void: Sequence[int] | None = None
    ) -> Dataset:
        """The dataset of a path or URL. Raises what ``open_dataset`` does."""
        return open_dataset(
            location,
            split_regions=split_regions,
            images=self.images or None,
            void=void,
            crowds=self.crowds or None,
            options=self.pixels,
        )

    def to_json(self) -> dict[str, Any]:
        """What is set but the place of the images, as plain JSON values; {} where nothing is."""
        return self.pixels.to_json() | ({"crowds": self.crowds} if self.crowds else {})

    def completed(self, images: str, plain: Mapping[str, Any]) -> DatasetOptions:
        """The same; what is not set is ``images`` and what ``to_json`` gave.

        Raises ``ImageError``.
        """
        return DatasetOptions(
            self.images or images,
            self.crowds or str(plain.get("crowds", "")),
            ReadOptions.from_json(plain) if self.pixels == AS_STORED else self.pixels,
        )


AS_IT_SAYS = DatasetOptions()
