"""Average precision of masks, by COCO's own code (pycocotools), with LVIS's rules for its files.

LVIS did not look for every category in every image: a mask of one that nobody decided about is
left out, and where some objects of a category have no mask, one that matches none is no error. The
300 surest masks of an image count there, while COCO counts 100 of each category.

Shape legend: C categories, T IoU thresholds, R recalls, A ranges of areas.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.coco.ids import Id
from anymask.datasets.coco.polygons import rasterised
from anymask.errors import Error
from anymask.evaluation.measures.coco_truth import CocoTruth, TrueImage, TrueObject
from anymask.evaluation.measures.recall import FREQUENCIES

MOST_OF_CATEGORY, MOST_OF_IMAGE = 100, 300
SIZES = ("small", "medium", "large")  # in COCO's order, behind all areas
THRESHOLD_50, THRESHOLD_75 = 0, 5  # numbers of COCO's thresholds
Floats = npt.NDArray[np.float64]
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScoredMask:
    """A mask that is said to be an object."""

    category_id: Id
    score: float
    segmentation: RLE


@dataclass
class Category:
    """What the images have of one category, as entries for COCO's code.

    objects: crowds are among them. undecided: the images in which a mask that matches nothing is
    no error.
    """

    objects: list[Entry] = field(default_factory=list)
    masks: list[Entry] = field(default_factory=list)
    undecided: set[int] = field(default_factory=set)


def average_precision(
    truth: CocoTruth, of_image: Mapping[Id, Sequence[ScoredMask]]
) -> Iterator[tuple[str, float]]:
    """``ap``, ``ap_50`` and so on over the images that ``of_image`` has, be it without a mask.

    Category by category, each over the images that have something of it: LVIS's 1,203 categories
    times 19,809 images are more pairs than COCO's code can hold. Figures without an object are
    left out.
    """
    most = MOST_OF_IMAGE if truth.is_lvis else MOST_OF_CATEGORY
    by_category = {
        category_id: category
        for category_id, category in _sorted_out(truth, of_image).items()
        if category.objects
    }
    if not by_category:
        return
    precision = np.stack([_precision(category, most) for category in by_category.values()])
    letters = np.array([truth.frequencies.get(category_id, "") for category_id in by_category])
    yield from _figures(precision, letters)


def counted(image: TrueImage, categories: Sequence[Id], scores: Sequence[float]) -> list[int]:
    """Which of an image's masks count, by number: by LVIS's rules not all do.

    The surest are chosen first, whether or not their categories were looked for, as LVIS does.
    """
    if image.looked_for is None:
        return list(range(len(categories)))
    surest = np.argsort(-np.asarray(scores, np.float64), kind="stable")[:MOST_OF_IMAGE]
    return [int(number) for number in sorted(surest) if categories[number] in image.looked_for]


def _sorted_out(
    truth: CocoTruth, of_image: Mapping[Id, Sequence[ScoredMask]]
) -> dict[Id, Category]:
    """Objects and masks by category; images are numbered in the order of their ids, as by COCO."""
    by_category: dict[Id, Category] = {}
    ids = sorted(of_image, key=lambda image_id: (isinstance(image_id, str), image_id))
    for number, image_id in enumerate(ids):
        image, masks = truth.images[image_id], of_image[image_id]
        for category_id in image.not_exhaustive:
            by_category.setdefault(category_id, Category()).undecided.add(number)
        for category_id, entry in _objects(image):
            objects = by_category.setdefault(category_id, Category()).objects
            objects.append({**entry, "image_id": number, "id": len(objects) + 1})
        for which in counted(image, [x.category_id for x in masks], [x.score for x in masks]):
            mask = masks[which]
            entries = by_category.setdefault(mask.category_id, Category()).masks
            entry = {"score": mask.score, **_entry(mask.segmentation)}
            entries.append({**entry, "image_id": number, "id": len(entries) + 1})
    return by_category


def _objects(image: TrueImage) -> Iterator[tuple[Id, Entry]]:
    for truth_object in image.objects:
        crowd = int(truth_object.crowd)
        if image.image_hw is None:
            continue  # no image of unknown size is evaluated
        try:
            entry = _entry(truth_object.mask(image.image_hw))
        except Error:
            region = _region(truth_object, image.image_hw)
            if region is None:
                continue
            entry, crowd = _entry(region), 1
        area = entry["area"] if truth_object.area is None else truth_object.area
        yield truth_object.category_id, {**entry, "area": area, "iscrowd": crowd}


def _region(truth_object: TrueObject, image_hw: tuple[int, int]) -> RLE | None:
    """The box of an object without a mask: what is found in it counts neither for nor against."""
    box = truth_object.bbox
    if truth_object.crowd or not isinstance(box, list) or len(box) != 4:
        return None
    if not all(type(number) in (int, float) and math.isfinite(number) for number in box):
        return None
    x, y, width, height = box
    sides = image_hw[::-1]
    left, top = (min(max(start, 0), side) for start, side in zip((x, y), sides))
    ends = ((x + width), (y + height))
    right, bottom = (min(max(end, 0), side) for end, side in zip(ends, sides))
    if right <= left or bottom <= top:
        return None
    corners = [left, top, right, top, right, bottom, left, bottom]
    counts = rasterised([[float(number) for number in corners]], image_hw)["counts"]
    return RLE(size=[*image_hw], counts=counts.decode())


def _entry(mask: RLE) -> Entry:
    return {"category_id": 1, "segmentation": mask, "area": rle.area(mask), "iscrowd": 0}


def _precision(category: Category, most: int) -> Floats:
    """(T, R, A), -1 where there is no object of that area."""
    numbers = sorted({entry["image_id"] for entry in [*category.objects, *category.masks]})
    with redirect_stdout(io.StringIO()):
        objects, masks = _indexed(category.objects, numbers), _indexed(category.masks, numbers)
        judge = COCOeval(objects, masks, "segm")
        judge.params.maxDets = [most]
        judge.evaluate()
        for image in judge.evalImgs:
            if image is not None and image["image_id"] in category.undecided:
                image["dtIgnore"] = image["dtIgnore"] | (image["dtMatches"] == 0)
        judge.accumulate()
    return np.asarray(judge.eval["precision"][:, :, 0, :, 0], np.float64)


def _indexed(entries: Sequence[Entry], numbers: Sequence[int]) -> COCO:
    """As COCO's reader would make it of a file."""
    index = COCO()
    index.dataset = {
        "images": [{"id": number, "height": 0, "width": 0} for number in numbers],
        "categories": [{"id": 1}],
        "annotations": list(entries),
    }
    index.createIndex()
    return index


def _figures(precision: Floats, letters: npt.NDArray[np.str_]) -> Iterator[tuple[str, float]]:
    """precision: (C, T, R, A); letters: (C,) of frequencies, "" where there are none."""
    overall = precision[..., 0]
    parts = {
        "ap": overall,
        "ap_50": overall[:, THRESHOLD_50],
        "ap_75": overall[:, THRESHOLD_75],
        **{f"ap_{name}": precision[..., number] for number, name in enumerate(SIZES, start=1)},
        **{f"ap_{name}": overall[letters == letter] for letter, name in FREQUENCIES.items()},
    }
    for name, values in parts.items():
        there = values[values > -1]
        if len(there):
            yield name, float(there.mean())
