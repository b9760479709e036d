"""By category: the images of any dataset whose masks have names, by what they show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from anymask.datasets.benchmarks.few_shot import coco20i
from anymask.datasets.benchmarks.few_shot.class_pictures import Classed
from anymask.datasets.benchmarks.few_shot.few_shot_set import FewShotSet
from anymask.datasets.coco import file as coco_file
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part
from anymask.errors import DatasetError


def read(dataset: Dataset) -> FewShotSet:
    """The images of a dataset by the groups of their masks, all in one fold.

    COCO's eighty categories are COCO-20i's classes. Raises ``DatasetError`` where masks have no
    names, or where several images lie in one part.
    """
    by_class: Classed = defaultdict(list)
    names: tuple[str, ...] = ()
    if dataset.annotations:
        names = _of_coco(dataset, by_class)
    else:
        for part in dataset.parts:
            for group in dict.fromkeys(_groups(part)):
                by_class[group].append(part)
    if not by_class:
        raise DatasetError(
            f"the masks in {dataset.location} have no names of categories: examples of a class "
            f"can't be told from others"
        )
    images = {name: tuple(parts) for name, parts in by_class.items()}
    if len(names) == coco20i.CLASSES:
        folds = coco20i.folds_of(names)
        return FewShotSet(dataset.location, coco20i.KIND, folds, images, notes=dataset.notes)
    return FewShotSet(
        dataset.location, dataset.kind, (tuple(sorted(images)),), images, notes=dataset.notes
    )


def _of_coco(dataset: Dataset, by_class: Classed) -> tuple[str, ...]:
    """Fill in which images show what, by the file alone; the categories in the order of their ids.

    The images of forty thousand annotations need not be read for it.
    """
    crowds = "objects" if dataset.crowds_are_objects else None
    file = coco_file.load(dataset.annotations, crowds)
    parts = {part.written: part for part in dataset.parts if part.written}
    for image in file.with_objects:
        if image.label in parts:
            groups = (one.group for one in file.objects_of(image))
            for group in dict.fromkeys(group for group in groups if group is not None):
                by_class[group].append(parts[image.label])
    for shown in by_class.values():
        shown.sort(key=lambda part: part.name)
    numbers = sorted(number for number in file.categories if isinstance(number, int))
    return tuple(file.categories[number] for number in numbers)


def _groups(part: Part) -> Iterator[str]:
    """The names of what an image shows. Raises ``DatasetError`` for a part of several images."""
    samples = [sample for sample in part.samples() if not isinstance(sample, Unread)]
    if len(samples) > 1:
        raise DatasetError(f"{part.name} holds several images; unpack it to draw examples from it")
    for sample in samples:
        for group, is_object in zip(sample.groups, sample.is_object):
            if is_object and group is not None:
                yield group
