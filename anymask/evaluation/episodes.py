"""Episodes: questions of few-shot segmentation, a class shown by examples and sought in an image.

They are drawn as the code of HSNet (Min et al., 2021) draws them, which others measure by: of a
listed set each image of each class is asked about by turns, of another a class is drawn, then an
image that shows it; examples are other images of the class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.in_context.example import Example
from anymask.datasets.benchmarks.few_shot.few_shot_set import FewShotSet
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.errors import DatasetError, ImageError

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Episode:
    """One question. name: of no other. fold: from 0 on. query: the image that is asked about.

    group: the class. examples: images that show it, none of them the query.
    """

    name: str
    fold: int
    group: str
    query: Part
    examples: tuple[Part, ...]


def episodes_of(found: FewShotSet, shots: int, most: int, seed: int) -> list[Episode]:
    """The questions of all folds. shots: examples of each. most: questions of a fold.

    A set whose images are listed is gone through again until there are so many; of one fold it is
    gone through once. Raises ``DatasetError`` where no class has an image and an example.
    """
    episodes = [
        episode
        for fold in range(len(found.folds))
        for episode in _of_fold(found, fold, shots, most, seed)
    ]
    if not episodes:
        raise DatasetError(f"{found.location}: no class is shown by two images")
    return episodes


def questions(episodes: Sequence[Episode], found: FewShotSet) -> Dataset:
    """A part for each, with the image that is asked about under the episode's name."""
    parts = (Part(one.name, partial(_read_query, one)) for one in episodes)
    return Dataset(found.location, found.kind, tuple(parts), notes=found.notes)


def example_of(part: Part, group: str) -> Example:
    """An image as an example of a class. Raises ``Error`` where it can't be read."""
    sample = _sample_of(part)
    if isinstance(sample, Unread):
        raise ImageError(f"{sample.name} {sample.reason}")
    inside, _ = class_mask(sample, group)
    return Example.of_mask(sample.pixels(), inside)


def class_mask(sample: Sample, group: str) -> tuple[Mask, Mask]:
    """(H, W) where a class is, and where it is decided whether it is."""
    height, width = sample.masks[0]["size"]
    inside, decided = np.zeros((height, width), bool), np.ones((height, width), bool)
    for mask, name, is_object in zip(sample.masks, sample.groups, sample.is_object):
        if not is_object:
            decided &= ~rle.decode(mask).astype(bool)
        elif name == group:
            inside |= rle.decode(mask).astype(bool)
    return inside, decided


def _of_fold(found: FewShotSet, fold: int, shots: int, most: int, seed: int) -> Iterator[Episode]:
    classes = [name for name in found.folds[fold] if len(found.images.get(name, ())) > 1]
    if not classes:
        return
    pairs = [(part, name) for name in classes for part in found.images[name]]
    pairs.sort(key=lambda pair: (pair[0].name, pair[1]))
    count = min(most, len(pairs)) if found.is_listed and len(found.folds) == 1 else most
    for number in range(count):
        draw = np.random.default_rng([seed, fold, number])
        if found.is_listed:
            query, group = pairs[number % len(pairs)]
        else:
            group = str(draw.choice(classes))
            query = found.images[group][draw.integers(len(found.images[group]))]
        others = [part for part in found.images[group] if part.name != query.name]
        chosen = draw.choice(len(others), shots, replace=shots > len(others))
        name = f"{fold}-{number:04} {group} in {query.name}"
        yield Episode(name, fold, group, query, tuple(others[one] for one in chosen))


def _read_query(episode: Episode) -> Iterator[Sample | Unread]:
    sample = _sample_of(episode.query)
    yield replace(sample, name=episode.name)


def _sample_of(part: Part) -> Sample | Unread:
    nothing = Unread(part.name, "has no masks")
    return next(iter(part.samples()), nothing)
