"""COCO-20i: COCO's eighty classes in four folds of twenty (Nguyen and Todorovic, 2019).

Every fourth class is of one fold, from the first, second, third and fourth on. Published figures
are of val2014. Read are COCO's own ``instances_val2014.json`` and the layout that the code of HSNet
(Min et al., 2021) has: ``val2014/NAME.jpg`` beside ``annotations/val2014/NAME.png``, whose values
are the classes from 1 to 80.
"""

from __future__ import annotations

import re

from anymask.datasets.benchmarks.few_shot.class_pictures import classed, pairs
from anymask.datasets.benchmarks.few_shot.few_shot_set import FewShotSet
from anymask.datasets.listing import Listing
from anymask.datasets.photographs import LeftOut

KIND = "COCO-20i"
FOLDS, CLASSES = 4, 80
IMAGE = re.compile(r"(?:.*/)?val2014/([^/]+)\.jpg")
TRUTH = re.compile(r"(?:.*/)?annotations/val2014/([^/]+)\.png")


def folds_of(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The classes of each fold. names: all eighty, in the order of their numbers."""
    return tuple(names[fold::FOLDS] for fold in range(FOLDS))


def read(files: Listing) -> FewShotSet | None:
    """The classes by their numbers, of class pictures; None where there are none."""
    paired = pairs(files, IMAGE, TRUTH)
    if not paired:
        return None
    by_class, broken = classed(files, paired, paired)
    images = {name: tuple(parts) for name, parts in by_class.items()}
    folds = folds_of(tuple(str(number) for number in range(1, CLASSES + 1)))
    notes = tuple(LeftOut(name, "can't be read") for name in broken)
    return FewShotSet(files.location, KIND, folds, images, False, notes)
