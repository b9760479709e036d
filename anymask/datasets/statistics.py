"""Statistics of a dataset, for its card: how many images and masks, of which sizes (§5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anymask.datasets.measuring.dataset_measures import DatasetMeasures
from anymask.datasets.measuring.image_measures import measure_part
from anymask.datasets.sample import Dataset


def facts_of(dataset: Dataset, open_images: bool = True) -> Mapping[str, Any]:
    """Numbers of images and masks, their sizes, and what can't be read, as plain JSON values.

    open_images: decode every image, too, which finds broken ones and those that are not of the
    size of their masks, and takes most of the time.
    """
    measures = DatasetMeasures(dataset.notes)
    for part in dataset.parts:
        for image in measure_part(part, open_images):
            measures.add(image)
    return measures.facts(dataset)
