"""Recognise: which of the sets of few-shot segmentation lies in a folder."""

from __future__ import annotations

from collections.abc import Callable

from anymask.datasets.benchmarks.few_shot import by_category, coco20i, fss1000, pascal5i
from anymask.datasets.benchmarks.few_shot.few_shot_set import FewShotSet
from anymask.datasets.listing import list_files
from anymask.datasets.sample import Dataset


def open_few_shot(location: str, open_dataset: Callable[[], Dataset]) -> FewShotSet:
    """PASCAL-5i, COCO-20i or FSS-1000 as they are published, or any dataset by its categories.

    open_dataset: opens the location as any other dataset. Raises ``DatasetError``.
    """
    files = list_files(location)
    readings = (read(files) for read in (pascal5i.read, coco20i.read, fss1000.read))
    return next((found for found in readings if found), None) or by_category.read(open_dataset())
