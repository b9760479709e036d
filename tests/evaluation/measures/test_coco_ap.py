"""Average precision: against COCO's own code in one run, and LVIS's rules by hand."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from anymask.core import rle
from anymask.datasets.coco.ids import Id
from anymask.evaluation.measures.coco_ap import ScoredMask, average_precision, counted
from anymask.evaluation.measures.coco_truth import CocoTruth, TrueImage, read_truth

HW = (160, 220)
STATS = ("ap", "ap_50", "ap_75", "ap_small", "ap_medium", "ap_large")
Mask = npt.NDArray[np.bool_]
Found = Mapping[Id, Sequence[ScoredMask]]


def ellipse(rng: np.random.Generator) -> Mask:
    """Of any size, anywhere."""
    y, x = np.ogrid[: HW[0], : HW[1]]
    middle, radii = rng.integers(0, HW), rng.integers(4, 100, 2)
    return np.asarray(((y - middle[0]) / radii[0]) ** 2 + ((x - middle[1]) / radii[1]) ** 2 <= 1)


def near(rng: np.random.Generator, mask: Mask) -> Mask:
    """The mask, a few pixels away."""
    return np.roll(mask, tuple(rng.integers(-4, 5, 2)), axis=(0, 1))


def square(left: int) -> Mask:
    """Of 20 × 20 pixels."""
    mask = np.zeros(HW, bool)
    mask[10:30, left : left + 20] = True
    return mask


def annotation(image: int, category: int, mask: Mask, **more: object) -> dict[str, Any]:
    """What a file says of an object; COCO's code takes no object whose id is 0."""
    encoded = rle.encode(mask)
    return {
        "id": 0,
        "image_id": image,
        "category_id": category,
        "segmentation": encoded,
        "area": rle.area(encoded),
        "iscrowd": 0,
        **more,
    }


def said(category: int, score: float, mask: Mask) -> ScoredMask:
    """A detection."""
    return ScoredMask(category, score, rle.encode(mask))


def truth_of(
    folder: Path,
    annotations: Sequence[dict[str, Any]],
    images: Mapping[int, Mapping[str, object]],
    categories: Mapping[int, str] | None = None,
) -> CocoTruth:
    """A file of them; images: what it says besides of each; categories: their frequencies."""
    sides = {"height": HW[0], "width": HW[1]}
    kinds = [{"id": n, "name": f"kind {n}", "frequency": f} for n, f in (categories or {}).items()]
    document = {
        "images": [
            {"id": n, "file_name": f"{n}.png", **sides, **more} for n, more in images.items()
        ],
        "annotations": annotations,
        "categories": kinds,
    }
    (folder / "truth.json").write_text(json.dumps(document))
    return read_truth(str(folder / "truth.json"))


def by_coco(annotations: Sequence[dict[str, Any]], found: Found) -> dict[str, float]:
    """All categories and images at once."""
    numbers = {"images": [{"id": one, "height": HW[0], "width": HW[1]} for one in found]}
    kinds = {"categories": [{"id": one} for one in (1, 2, 3, 4)]}
    masks = [
        {
            "image_id": image_id,
            "category_id": one.category_id,
            "score": one.score,
            "segmentation": one.segmentation,
            "area": rle.area(one.segmentation),
            "iscrowd": 0,
        }
        for image_id, several in found.items()
        for one in several
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        both = []
        for entries in ([one for one in annotations if one["image_id"] in found], masks):
            made = COCO()
            numbered = [{**one, "id": number} for number, one in enumerate(entries, start=1)]
            made.dataset = {**numbers, **kinds, "annotations": numbered}
            made.createIndex()
            both.append(made)
        judge = COCOeval(*both, "segm")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return {name: value for name, value in zip(STATS, judge.stats) if value > -1}


@pytest.mark.parametrize("seed", range(8))
def test_the_same_as_by_cocos_own_code(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    annotations, found = list[dict[str, Any]](), dict[Id, list[ScoredMask]]()
    for image in (30, 4, 100, 7, 8):
        objects = [(int(rng.integers(1, 4)), ellipse(rng)) for _ in range(rng.integers(1, 8))]
        annotations += [
            annotation(image, category, mask, iscrowd=int(rng.random() < 0.15))
            for category, mask in objects
        ]
        chosen = [objects[n] for n in rng.integers(0, len(objects), 3 * len(objects))]
        chosen += [(int(rng.integers(1, 5)), ellipse(rng)) for _ in range(3)]
        found[image] = [
            said(category, float(rng.integers(0, 10)) / 10, near(rng, mask))
            for category, mask in chosen
        ]
    found[7] = []
    del found[8]  # is in the file and was not looked at
    truth = truth_of(tmp_path, annotations, {one: {} for one in (30, 4, 100, 7, 8)})
    figures = dict(average_precision(truth, found))
    assert figures == pytest.approx(by_coco(annotations, found), abs=1e-12)
    assert {"ap", "ap_50", "ap_75"} <= set(figures)


# Image 1 was searched for category 2 in vain; in image 2, not all of category 1 are outlined.
OBJECTS = [annotation(1, 1, square(0)), annotation(2, 1, square(0)), annotation(3, 2, square(0))]
LVIS_SAYS: Mapping[int, Mapping[str, object]] = {
    1: {"neg_category_ids": [2], "not_exhaustive_category_ids": []},
    2: {"neg_category_ids": [], "not_exhaustive_category_ids": [1]},
    3: {"neg_category_ids": [], "not_exhaustive_category_ids": []},
}
FOUND: Found = {
    1: [said(1, 0.5, square(0)), said(2, 0.9, square(50)), said(3, 0.9, square(90))],
    2: [said(1, 0.9, square(50)), said(1, 0.4, square(0))],
    3: [said(2, 0.8, square(0)), said(1, 0.95, square(50))],
}


def test_lvis_punishes_only_what_its_annotators_decided_about(tmp_path: Path) -> None:
    truth = truth_of(tmp_path, OBJECTS, LVIS_SAYS, {1: "f", 2: "r", 3: "c"})
    figures = dict(average_precision(truth, FOUND))
    # Category 1: of its two wrong masks, image 2's is not exhaustive, image 3 was not searched.
    # Category 2: the wrong one in image 1 is surer than the right one, half of both are right.
    assert figures["ap_frequent"] == pytest.approx(1)
    assert figures["ap_rare"] == pytest.approx(0.5)
    assert figures["ap"] == pytest.approx(0.75)
    assert "ap_common" not in figures


def test_the_same_by_cocos_rules(tmp_path: Path) -> None:
    truth = truth_of(tmp_path, OBJECTS, {1: {}, 2: {}, 3: {}}, {1: "f", 2: "r", 3: "c"})
    figures = dict(average_precision(truth, FOUND))
    # Category 1: wrong, wrong, right, right by falling score. Half are right in the end.
    assert figures["ap_frequent"] == pytest.approx(0.5)
    assert figures["ap_rare"] == pytest.approx(0.5)


def test_lvis_takes_the_300_surest_before_it_asks_what_was_looked_for() -> None:
    image = TrueImage(1, HW, (), frozenset({1}))
    assert counted(image, [1, 2, 1], [0.1, 0.9, 0.8]) == [0, 2]
    assert counted(image, [*[2] * 299, 1, 1], [*[0.9] * 299, 0.2, 0.3]) == [300]
    assert counted(TrueImage(1, HW, ()), [5, 6], [0.1, 0.2]) == [0, 1]


def test_images_without_an_object_have_no_figures(tmp_path: Path) -> None:
    truth = truth_of(tmp_path, [], {1: {}})
    assert list(average_precision(truth, {1: [said(1, 0.5, square(0))]})) == []
    assert list(average_precision(truth, {})) == []


def test_malformed_crowds_are_left_out(tmp_path: Path) -> None:
    crowd = annotation(1, 1, square(0), iscrowd=1, segmentation=[[1, 2]])
    truth = truth_of(tmp_path, [crowd, annotation(1, 1, square(0))], {1: {}})
    assert dict(average_precision(truth, {1: [said(1, 0.5, square(0))]}))["ap"] == pytest.approx(1)
