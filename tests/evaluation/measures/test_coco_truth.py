"""What is read of COCO and LVIS files, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anymask.core import rle
from anymask.errors import Error, ImageError, RecordError
from anymask.evaluation.measures.coco_truth import CocoTruth, frequencies_of, read_truth

SIDES = {"height": 6, "width": 8}
SQUARE = [[1, 1, 4, 1, 4, 4, 1, 4]]


def read(folder: Path, document: object) -> CocoTruth:
    """A file that holds it."""
    (folder / "truth.json").write_text(json.dumps(document))
    return read_truth(str(folder / "truth.json"))


def test_images_objects_and_categories(tmp_path: Path) -> None:
    objects = [
        {
            "image_id": 9,
            "category_id": 3,
            "bbox": [1, 1, 3, 3],
            "segmentation": SQUARE,
            "area": 8.5,
        },
        {"image_id": 9, "category_id": 5, "iscrowd": 1},
        {"image_id": 9, "category_id": [1]},
        {"image_id": 404, "category_id": 3},
        "none",
    ]
    images = [{"id": 9, "file_name": "a/9.png", **SIDES}, {"id": 10, **SIDES}, {"id": 11}, 7]
    document = {"images": images, "annotations": objects, "categories": [{"id": 3, "name": "cat"}]}
    truth = read(tmp_path, document)
    assert list(truth.images) == [9, 10, 11]
    assert truth.images[11].image_hw is None
    one, crowd = truth.images[9].objects
    assert (one.category_id, one.area, one.crowd, crowd.crowd) == (3, 8.5, False, True)
    assert rle.area(one.mask((6, 8))) == 9
    with pytest.raises(Error):
        crowd.mask((6, 8))
    assert truth.categories == {3, 5}
    assert truth.names == {3: "cat"}
    assert not truth.is_lvis
    assert truth.images[9].looked_for is None


def test_samples_are_found_with_and_without_folders(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "1.png", **SIDES}]
    address = "http://images.cocodataset.org/val2017/2.jpg"
    images += [{"id": 2, "coco_url": address, **SIDES}]
    truth = read(tmp_path, {"images": images, "annotations": []})
    assert truth.image_of("images/1.png").id == 1
    assert truth.image_of("1.png").id == 1
    assert truth.image_of("2.jpg").id == 2
    with pytest.raises(ImageError, match=r"images/3.png is not in truth.json"):
        truth.image_of("images/3.png")


def test_lvis_says_what_was_looked_for(tmp_path: Path) -> None:
    lists = {"neg_category_ids": [7, {}], "not_exhaustive_category_ids": [3]}
    categories: list[dict[str, Any]] = [
        {"id": 3, "name": "cat", "frequency": "f"},
        {"id": 7, "name": "newt", "frequency": "r"},
        {"id": 8, "frequency": ["c"]},
    ]
    document = {
        "images": [{"id": 1, "file_name": "1.png", **SIDES, **lists}],
        "annotations": [{"image_id": 1, "category_id": 3}],
        "categories": categories,
    }
    truth = read(tmp_path, document)
    assert truth.is_lvis
    assert truth.images[1].looked_for == frozenset({3, 7})
    assert truth.images[1].not_exhaustive == {3}
    assert truth.frequencies == {3: "f", 7: "r"}
    assert frequencies_of(truth.location) == {"cat": "f", "newt": "r"}


@pytest.mark.parametrize("document", [[], {}, {"images": 3}, None])
def test_what_is_no_coco_file(document: object, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no list of images"):
        read(tmp_path, document)


def test_what_is_no_file_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"can't be read"):
        read_truth(str(tmp_path / "none.json"))
    (tmp_path / "torn.json").write_text('{"images": [')
    with pytest.raises(RecordError, match="is no JSON"):
        read_truth(str(tmp_path / "torn.json"))
