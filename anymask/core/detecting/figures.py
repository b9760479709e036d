"""Average precision and recall of boxes without categories, by COCO's own code (pycocotools).

Shape legend: D detected boxes, G true ones, T IoU thresholds, R recalls, A ranges of areas, M
numbers of boxes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from anymask.core.geometry import Floats, xyxy_to_xywh

LIMITS = (1, 10, 100)  # boxes of an image that recall is told for, the surest ones
SIZES = ("small", "medium", "large")  # in COCO's order, behind all areas
Entry = dict[str, Any]


@dataclass(frozen=True, eq=False)
class JudgedImage:
    """What was detected in an image, and what is there.

    boxes_xyxy: (D, 4); scores: (D,). true_xyxy: (G, 4); areas: (G,) of their masks in pixels, by
    which COCO tells sizes apart. is_ignored: (G,) bool, regions such as crowds, in which a box
    counts neither for nor against.
    """

    boxes_xyxy: Floats
    scores: Floats
    true_xyxy: Floats
    areas: npt.NDArray[Any]
    is_ignored: npt.NDArray[np.bool_]


def box_figures(images: Sequence[JudgedImage]) -> dict[str, float]:
    """``ap``, ``ap_50``, ``ap_75``, ``ar_1``, ``ar_10``, ``ar_100``, ``ar_100_50`` and so on.

    ``ap`` and ``ar`` are means over the IoU thresholds 0.5 to 0.95, those that end in _50 are at
    0.5 alone; ``ap_small``, ``ar_100_small`` and so on by the size of objects. AR at one number of
    boxes and one IoU is the share of objects that are found. Figures without an object are left
    out.
    """
    if not any(len(image.true_xyxy) > image.is_ignored.sum() for image in images):
        return {}
    truths: list[Entry] = []
    guesses: list[Entry] = []
    for number, image in enumerate(images):
        truths += _truths(image, number, len(truths))
        guesses += _guesses(image, number, len(guesses))
    with redirect_stdout(io.StringIO()):
        judge = COCOeval(_indexed(truths, len(images)), _indexed(guesses, len(images)), "bbox")
        judge.params.maxDets = list(LIMITS)
        judge.evaluate()
        judge.accumulate()
    return dict(_figures(judge.eval["precision"][:, :, 0], judge.eval["recall"][:, 0]))


def _figures(
    precision: npt.NDArray[np.float64], recall: npt.NDArray[np.float64]
) -> Iterator[tuple[str, float]]:
    """precision: (T, R, A, M); recall: (T, A, M); -1 where there is no object of that size."""
    parts = {"ap": precision[:, :, 0, -1], "ap_50": precision[0, :, 0, -1]}
    parts["ap_75"] = precision[5, :, 0, -1]
    sized = list(enumerate(SIZES, start=1))
    parts |= {f"ap_{size}": precision[:, :, area, -1] for area, size in sized}
    for number, limit in enumerate(LIMITS):
        parts[f"ar_{limit}"] = recall[:, 0, number]
        parts[f"ar_{limit}_50"] = recall[:1, 0, number]
    for area, size in sized:
        parts[f"ar_{LIMITS[-1]}_{size}"] = recall[:, area, -1]
        parts[f"ar_{LIMITS[-1]}_50_{size}"] = recall[:1, area, -1]
    for name, values in parts.items():
        there = values[values > -1]
        if there.size:
            yield name, float(there.mean())


def _truths(image: JudgedImage, number: int, before: int) -> Iterator[Entry]:
    boxes = xyxy_to_xywh(image.true_xyxy).tolist()
    for box, area, is_ignored in zip(boxes, image.areas.tolist(), image.is_ignored.tolist()):
        before += 1
        entry = {"id": before, "image_id": number, "category_id": 1, "bbox": box}
        yield {**entry, "area": area, "iscrowd": int(is_ignored)}


def _guesses(image: JudgedImage, number: int, before: int) -> Iterator[Entry]:
    for box, score in zip(xyxy_to_xywh(image.boxes_xyxy).tolist(), image.scores.tolist()):
        before += 1
        entry = {"id": before, "image_id": number, "category_id": 1, "bbox": box}
        yield {**entry, "area": box[2] * box[3], "score": score}


def _indexed(entries: Sequence[Entry], images: int) -> COCO:
    """As COCO's reader would make it of a file."""
    index = COCO()
    index.dataset = {
        "images": [{"id": number, "height": 0, "width": 0} for number in range(images)],
        "categories": [{"id": 1}],
        "annotations": list(entries),
    }
    index.createIndex()
    return index
