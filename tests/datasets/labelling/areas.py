"""What is read of a dataset, in a few numbers."""

from __future__ import annotations

from pathlib import Path

from anymask.core import rle
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from tests.datasets.pictures import HW, read_whole


def areas(location: Path, images: Path | None = None) -> tuple[dict[str, int], dict[str, str]]:
    """The area of the first mask of each image, and what else is said."""
    found = read_whole(open_dataset(str(location), images=str(images) if images else None))
    samples = [one for one in found if isinstance(one, Sample)]
    assert all(sample.pixels().shape == (*HW, 3) for sample in samples)
    return (
        {sample.name: rle.area(sample.masks[0]) for sample in samples},
        {one.name: one.reason for one in found if isinstance(one, Unread)},
    )
