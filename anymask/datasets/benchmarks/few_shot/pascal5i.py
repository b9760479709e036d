"""PASCAL-5i: VOC 2012's twenty classes in four folds of five (Shaban et al., 2017).

``JPEGImages/2007_000033.jpg`` and ``SegmentationClassAug/2007_000033.png`` (SBD's masks added to
VOC's), or ``SegmentationClass``. Asked about are the pairs of an image and a class of the lists
``splits/pascal/val/fold0.txt`` (lines ``2007_000033__01``), as the code of HSNet (Min et al., 2021)
has them, or, where there are none, the images of ``ImageSets/Segmentation/val.txt``, or all.
"""

from __future__ import annotations

import re
from collections import defaultdict

from anymask.datasets.benchmarks.few_shot.class_pictures import (
    Classed,
    classed,
    lines_of,
    objects_of,
    pairs,
)
from anymask.datasets.benchmarks.few_shot.few_shot_set import FewShotSet
from anymask.datasets.listing import Listing
from anymask.datasets.pairs import part_of
from anymask.datasets.photographs import LeftOut

KIND = "PASCAL-5i"
FOLDS, A_FOLD = 4, 5
IMAGE = re.compile(r"(?:.*/)?JPEGImages/([^/]+)\.jpg")
TRUTHS = tuple(
    re.compile(rf"(?:.*/)?{folder}/([^/]+)\.png")
    for folder in ("SegmentationClassAug", "SegmentationClass")
)
PAIR = re.compile(r"(.+)__(\d+)")
VALIDATION = ("ImageSets/Segmentation/val.txt",)


def read(files: Listing) -> FewShotSet | None:
    """The classes by their numbers; None if it is not VOC."""
    paired = next((found for truth in TRUTHS if (found := pairs(files, IMAGE, truth))), {})
    if not paired:
        return None
    numbers = [str(number) for number in range(1, FOLDS * A_FOLD + 1)]
    folds = tuple(tuple(numbers[A_FOLD * fold : A_FOLD * (fold + 1)]) for fold in range(FOLDS))
    by_class, lost = _of_lists(files, paired)
    if not by_class:
        listed = lines_of(files, VALIDATION)
        stems = list(paired) if listed is None else [stem for stem in listed if stem in paired]
        by_class, lost = classed(files, paired, stems)
    images = {name: tuple(parts) for name, parts in by_class.items() if name in numbers}
    notes = tuple(LeftOut(name, "can't be read, or is listed without image") for name in lost)
    return FewShotSet(files.location, KIND, folds, images, True, notes)


def _of_lists(files: Listing, paired: dict[str, tuple[str, str]]) -> tuple[Classed, list[str]]:
    """What the lists of the folds name, and what of it is not there."""
    by_class: Classed = defaultdict(list)
    lost: list[str] = []
    for fold in range(FOLDS):
        for line in lines_of(files, (f"pascal/val/fold{fold}.txt", f"val/fold{fold}.txt")) or []:
            match = PAIR.fullmatch(line)
            if match is None or match[1] not in paired:
                lost.append(line)
                continue
            image, truth = paired[match[1]]
            by_class[str(int(match[2]))].append(part_of(files, image, (truth,), objects_of))
    return by_class, lost
