"""Average recall: against COCO's own code, and by hand."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from anymask.core import rle
from anymask.core.detecting.matching import UNMATCHED, matched_by
from anymask.core.rle import RLE
from anymask.evaluation.measures.recall import average_recalls, truth_fields

HW = (160, 220)
LIMITS = (3, 10, 40)
SIZES = ("small", "medium", "large")
BY_AREA = [f"ar_{LIMITS[-1]}_{size}" for size in SIZES]


def some_masks(rng: np.random.Generator, count: int) -> list[npt.NDArray[np.bool_]]:
    """Ellipses of all sizes, one empty."""
    y, x = np.ogrid[: HW[0], : HW[1]]
    masks = []
    for _ in range(count):
        middle, radii = rng.integers(0, HW), rng.integers(4, 100, 2)
        masks.append(((y - middle[0]) / radii[0]) ** 2 + ((x - middle[1]) / radii[1]) ** 2 <= 1)
    masks[0] = np.zeros(HW, bool)
    return masks


def near(rng: np.random.Generator, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The mask, a few pixels away; sometimes in its place."""
    return np.roll(mask, tuple(rng.integers(-4, 5, 2) * rng.integers(0, 2)), axis=(0, 1))


def indexed(entries: list[dict[str, Any]]) -> COCO:
    """As COCO's reader would make it of a file."""
    made = COCO()
    images = [{"id": one, "height": HW[0], "width": HW[1]} for one in (1, 2)]
    made.dataset = {"images": images, "categories": [{"id": 1}], "annotations": entries}
    made.createIndex()
    return made


def entry(number: int, image: int, mask: RLE, **more: object) -> dict[str, Any]:
    """What a file says of a mask."""
    area = {"area": rle.area(mask), "iscrowd": 0}
    return {
        "id": number + 1,
        "image_id": image,
        "category_id": 1,
        "segmentation": mask,
        **area,
        **more,
    }


def by_coco(truths: list[dict[str, Any]], found: list[dict[str, Any]]) -> dict[str, float]:
    """The recalls of COCO's code without categories."""
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(indexed(truths), indexed(found), "segm")
        judge.params.useCats = 0
        judge.params.maxDets = list(LIMITS)
        judge.evaluate()
        judge.accumulate()
    recall = judge.eval["recall"][:, 0]  # T A M
    figures = {f"ar_{limit}": recall[:, 0, m] for m, limit in enumerate(LIMITS)}
    figures |= {name: recall[:, area, -1] for area, name in enumerate(BY_AREA, start=1)}
    return {name: float(values.mean()) for name, values in figures.items() if values.max() > -1}


@pytest.mark.parametrize("seed", range(12))
def test_the_same_as_by_cocos_own_code(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths, found, rows = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, int]]()
    for image in (1, 2):
        masks = some_masks(rng, 12)
        masks.append(masks[1])  # of equals the last is matched first
        proposals = [near(rng, masks[n]) for n in rng.integers(0, len(masks), 60)]
        scores = rng.integers(0, 20, len(proposals)) / 20  # many ties
        crowds = rng.random(len(masks)) < 0.2
        encoded = [rle.encode(mask) for mask in masks]
        said = [rle.encode(mask) for mask in proposals]
        truths += [
            entry(len(truths) + n, image, mask, iscrowd=int(crowd))
            for n, (mask, crowd) in enumerate(zip(encoded, crowds))
        ]
        found += [
            entry(len(found) + n, image, mask, score=score)
            for n, (mask, score) in enumerate(zip(said, scores))
        ]
        ranked = [said[n] for n in np.argsort(-scores, kind="stable")]
        counted = [mask for mask, crowd in zip(encoded, crowds) if not crowd]
        areas = [rle.area(mask) for mask in counted]
        rows += truth_fields(rle.iou(ranked, counted), areas, [None] * len(counted), LIMITS)
    expected = by_coco(truths, found)
    assert set(expected) == {*(f"ar_{limit}" for limit in LIMITS), *BY_AREA}
    assert dict(average_recalls(rows)) == pytest.approx(expected, abs=1e-12)


def test_a_proposal_is_matched_once_to_what_it_fits_best() -> None:
    iou = np.array([[0.9, 0.6], [0.8, 0.0], [0.95, 0.7]])
    matched = matched_by(iou, [0.5, 0.75, 0.9])
    none = UNMATCHED
    # The first takes the first truth; the second finds it gone; the third has the other one left.
    assert matched.tolist() == [[0, 2], [0, none], [0, none]]


def test_iou_of_a_threshold_is_enough_and_the_last_of_equals_is_matched() -> None:
    assert matched_by(np.array([[0.5, 0.5]]), [0.5]).tolist() == [[UNMATCHED, 0]]
    assert matched_by(np.array([[1.0]]), [1.0]).tolist() == [[0]]


def test_areas_on_a_limit_count_on_both_sides_and_others_do_not_stand_in_the_way() -> None:
    # The one proposal fits the large truth best, and the two others well enough.
    iou = np.array([[0.6, 0.7, 0.99]])
    fields = truth_fields(iou, [32**2, 500, 96**2 + 1], ["f", "c", None], [1])
    assert fields == [
        {"matched_1": 0, "matched_1_small": 0, "matched_1_medium": 3, "matched_1_frequent": 3},
        {"matched_1": 0, "matched_1_small": 5, "matched_1_common": 5},
        {"matched_1": 10, "matched_1_large": 10},
    ]
    assert dict(average_recalls(fields))["ar_1_small"] == pytest.approx(0.25)


@pytest.mark.parametrize("shape", [(0, 2), (3, 0)])
def test_nothing_proposed_and_nothing_to_find(shape: tuple[int, int]) -> None:
    fields = truth_fields(np.zeros(shape), [9] * shape[1], [None] * shape[1], LIMITS)
    assert [set(one.values()) for one in fields] == [{0}] * shape[1]
    assert list(average_recalls([])) == []


def calls(function: Any, *arguments: object) -> int:
    """How many functions are called meanwhile, Python's and others'."""
    seen = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal seen
        seen += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return seen


def compared(found: Sequence[RLE], truths: Sequence[RLE]) -> None:
    """All that is done with the masks of an image."""
    areas = [rle.area(mask) for mask in truths]
    truth_fields(rle.iou([*found], [*truths]), areas, [None] * len(truths), [10, 100, 1000])


def test_work_grows_with_masks_and_not_with_pairs() -> None:
    rng = np.random.default_rng(0)
    truths = [rle.encode(mask) for mask in some_masks(rng, 50)]
    found = [truths[n] for n in rng.integers(0, 50, 1000)]
    few, many = calls(compared, found[:100], truths[:5]), calls(compared, found, truths)
    assert many < 15 * few  # ten times the proposals, ten times the truths
