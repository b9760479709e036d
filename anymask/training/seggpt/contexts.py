"""Contexts: which images of a dataset show the same things, to find an image's context among."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from anymask.core import rle
from anymask.datasets.mixing.mixture import CLASSES
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.datasets.shards import is_shard

ALL = "all that is drawn"  # the group of masks without one, in data of classes that has no name


class Contexts:
    """The images of a dataset by what they show.

    Parts that hold one image are read once, ``most`` of them, in an order that only names decide.
    Shards are not: an image in one is its own context.
    least_share: of an image that a group covers, or it does not count as shown.
    """

    def __init__(self, dataset: Dataset, least_share: float, most: int) -> None:
        self._least_share = least_share
        self._parts: dict[str, list[Part]] = {}
        single = [part for part in dataset.drawn(most, 0).parts if not is_shard(part.name)]
        for part in single:
            for sample in _samples(part):
                for group in groups_of(sample, least_share):
                    self._parts.setdefault(group, []).append(part)

    def shared(self, sample: Sample) -> list[str]:
        """The groups of a sample that another image shows, too, by name."""
        shown = groups_of(sample, self._least_share)
        return sorted(group for group in shown if len(self._parts.get(group, ())) > 1)

    def other(self, sample: Sample, group: str, rng: np.random.Generator) -> Sample | None:
        """Another image that shows a group, by chance; None where none can be read."""
        parts = self._parts[group]
        for number in rng.permutation(len(parts)):
            for other in _samples(parts[number]):
                if other.name != sample.name:
                    return other
        return None


def group_of(sample: Sample, number: int) -> str | None:
    """The group that a mask of a sample is of; None for one that is a thing by itself."""
    group = sample.groups[number]
    return ALL if group is None and sample.kind in CLASSES else group


def groups_of(sample: Sample, least_share: float) -> set[str]:
    """The groups that cover ``least_share`` of a sample's image, at least, and not all of it."""
    areas: dict[str, int] = {}
    for number, (mask, is_object) in enumerate(zip(sample.masks, sample.is_object)):
        group = group_of(sample, number)
        if is_object and group is not None:
            areas[group] = areas.get(group, 0) + rle.area(mask)
    height, width = sample.masks[0]["size"]
    whole = height * width
    return {name for name, area in areas.items() if least_share * whole <= area < whole}


def _samples(part: Part) -> Iterator[Sample]:
    return (sample for sample in part.samples() if isinstance(sample, Sample))
