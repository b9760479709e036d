"""Records are what SA-1B's files are: checked field by field against the masks themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from anymask.core import rle
from anymask.core.geometry import ResizeMap
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.records import record

IMAGE_HW = (30, 45)
SA_1B_KEYS = {
    "id",
    "segmentation",
    "bbox",
    "area",
    "predicted_iou",
    "stability_score",
    "crop_box",
    "point_coords",
}


def some_masks(prompts: int, columns: int) -> Masks:
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(prompts, columns, 16, 16)).astype(np.float32)
    return Masks(
        logits, rng.random((prompts, columns)).astype(np.float32), ResizeMap(IMAGE_HW, 64), 0.5
    )


def clicks(count: int) -> Prompts:
    return Prompts.of_points([[[n + 0.5, 2 * n]] for n in range(count)])


@pytest.mark.parametrize(("prompts", "columns"), [(1, 1), (1, 3), (3, 1), (2, 3)])
def test_every_annotation_tells_of_its_own_mask(prompts: int, columns: int) -> None:
    masks, points = some_masks(prompts, columns), clicks(prompts)
    annotations = record(masks, points, "a.jpg")["annotations"]
    assert [a["id"] for a in annotations] == list(range(prompts * columns))
    stability = masks.stability(1.0).reshape(-1)
    for number, (a, pixels) in enumerate(zip(annotations, masks.to_bool().reshape(-1, *IMAGE_HW))):
        rows, columns_hit = np.nonzero(pixels)
        x, y = columns_hit.min(), rows.min()
        assert a.keys() == SA_1B_KEYS
        np.testing.assert_array_equal(rle.decode(a["segmentation"]), pixels)
        assert a["bbox"] == [x, y, columns_hit.max() + 1 - x, rows.max() + 1 - y]
        assert a["area"] == pixels.sum()
        assert a["predicted_iou"] == masks.predicted_iou.reshape(-1)[number]
        assert a["stability_score"] == pytest.approx(stability[number])
        assert a["crop_box"] == [0, 0, 45, 30]
        prompt = number // columns
        assert a["point_coords"] == [[prompt + 0.5, 2 * prompt]]


def test_the_image_is_described_by_width_and_height() -> None:
    image = record(some_masks(1, 1), clicks(1), "b.jpg", 17)["image"]
    assert image == {"image_id": 17, "file_name": "b.jpg", "width": 45, "height": 30}


def test_only_clicks_are_points_not_corners_of_boxes_nor_padding() -> None:
    box = Prompts.box(1, 2, 30, 20).with_points([[7, 8], [9, 10]], [1, 0])
    both = Prompts.join([box, Prompts.point(3, 4), Prompts.box(0, 0, 5, 5)])
    points = [a["point_coords"] for a in record(some_masks(3, 1), both, "c.jpg")["annotations"]]
    assert points == [[[7, 8], [9, 10]], [[3, 4]], []]


def test_a_record_is_plain_json() -> None:
    written = record(some_masks(2, 3), clicks(2), "d.jpg")
    assert json.loads(json.dumps(written)) == written


def test_an_empty_mask_has_an_empty_box_and_is_not_stable() -> None:
    nothing = np.full((1, 1, 16, 16), -9, np.float32)
    masks = Masks(nothing, np.ones((1, 1), np.float32), ResizeMap(IMAGE_HW, 64))
    (a,) = record(masks, clicks(1), "e.jpg")["annotations"]
    assert (a["area"], a["bbox"], a["stability_score"]) == (0, [0, 0, 0, 0], 0)


def test_no_answers_make_a_record_without_annotations() -> None:
    assert record(some_masks(2, 3)[:0], clicks(1), "f.jpg")["annotations"] == []
