"""Panoptic files against a picture of segments that is made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from anymask.core import rle
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import VOID_GROUP
from anymask.errors import DatasetError
from tests.datasets.coco.written import HW, picture, read

DOG, CAT, CROWD, SKY, STRANGER = 70_000, 300, 7, 9, 12
CATEGORIES = [
    {"id": 1, "name": "dog", "isthing": 1},
    {"id": 2, "name": "cat", "isthing": 1},
    {"id": 3, "name": "sky", "isthing": 0},
]


def ids() -> npt.NDArray[np.int64]:
    """(H, W) a dog of two parts, a cat, a crowd and sky; a corner of nothing, one of a stranger."""
    ids = np.full(HW, SKY)
    ids[0, 0] = 0
    ids[5, 7] = STRANGER
    ids[1:3, 1:4] = ids[4, 6] = DOG
    ids[3:6, 0:2] = CAT
    ids[0, 5:8] = CROWD
    return ids


def save(path: Path, values: npt.NDArray[np.int64]) -> None:
    """As COCO has it: red, green and blue are the digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.stack([values >> shift & 255 for shift in (0, 8, 16)], axis=-1)
    Image.fromarray(colours.astype(np.uint8)).save(path)


def write(folder: Path, name: str = "annotations/panoptic_val.json", **changes: Any) -> Path:
    """A file of one image."""
    import json

    segments = [
        {"id": DOG, "category_id": 1, "iscrowd": 0, "bbox": [1, 1, 6, 4], "area": 7},
        {"id": CAT, "category_id": 2, "iscrowd": 0},
        {"id": CROWD, "category_id": 2, "iscrowd": 1},
        {"id": SKY, "category_id": 3, "iscrowd": 0},
    ]
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": HW[0], "width": HW[1]}],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": segments}],
        "categories": CATEGORIES,
        **changes,
    }
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))
    return file


def test_things_are_objects_and_the_rest_is_named(tmp_path: Path) -> None:
    file = write(tmp_path)
    picture(tmp_path / "images" / "val" / "a.jpg", value=90)
    save(tmp_path / "annotations" / "panoptic_val" / "a.png", ids())
    for place in (tmp_path, file):
        (sample,), unread, notes = read(place)
        assert sample.name == "images/val/a.jpg"
        assert sample.pixels().max() >= 80
        assert sample.groups == ("dog", "cat", VOID_GROUP)
        assert sample.is_object == (True, True, False)
        for mask, value in zip(sample.masks, (DOG, CAT, 0)):
            np.testing.assert_array_equal(rle.decode(mask), ids() == value)
        reason = "segment 12 is left out: it has pixels, and is not in the file"
        assert unread == [LeftOut("images/val/a.jpg", reason, 1)]
        crowd, stuff = notes
        assert "1 of its annotations is marked iscrowd 1 and left out as crowds" in crowd
        assert stuff.startswith("1 of its panoptic segments are left out: they are of stuff")
    assert open_dataset(str(tmp_path)).kind == "COCO panoptic segments"


def test_crowds_as_objects(tmp_path: Path) -> None:
    write(tmp_path)
    picture(tmp_path / "images" / "a.jpg")
    save(tmp_path / "annotations" / "panoptic_val" / "a.png", ids())
    (sample,), _, _ = read(tmp_path, crowds="objects")
    assert sample.groups == ("dog", "cat", "cat", VOID_GROUP)


def test_segments_that_are_none_are_named(tmp_path: Path) -> None:
    segments = [None, {"id": DOG, "category_id": 1}, 5, {"id": CAT, "category_id": 2}]
    write(tmp_path, annotations=[{"image_id": 1, "file_name": "a.png", "segments_info": segments}])
    picture(tmp_path / "images" / "a.jpg")
    save(tmp_path / "annotations" / "panoptic_val" / "a.png", ids())
    (sample,), _, notes = read(tmp_path)
    assert sample.groups == ("dog", "cat", VOID_GROUP)
    assert notes == [
        "segments number 0 of image 1, number 2 of image 1 are left out: it is no entry of a "
        "segment (None)"
    ]


def test_pictures_of_the_same_names_are_not_taken_for_photographs(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png"}]
    write(tmp_path, images=images)
    picture(tmp_path / "val" / "a.png", value=200)
    save(tmp_path / "annotations" / "panoptic_val" / "a.png", ids())
    (sample,), _, _ = read(tmp_path)
    assert (sample.name, sample.pixels().min()) == ("val/a.png", 200)
    assert len(sample.masks) == 3


def test_pictures_elsewhere_and_grey_ones(tmp_path: Path) -> None:
    segments = [{"id": 5, "category_id": 1}, {"id": 6, "category_id": 2}]
    entries = [{"image_id": "1", "file_name": "a.png", "segments_info": segments}]
    write(tmp_path, "panoptic.json", annotations=entries)
    picture(tmp_path / "photos" / "a.jpg")
    grey = np.zeros(HW, np.uint8)
    grey[1:3] = 5
    (tmp_path / "panoptic_masks").mkdir()
    Image.fromarray(grey).save(tmp_path / "panoptic_masks" / "a.png")
    (sample,), unread, _ = read(tmp_path)
    assert sample.groups == ("dog", VOID_GROUP)
    assert rle.area(sample.masks[0]) == 16
    assert [one.reason for one in unread] == ["segment 6 is left out: it has no pixel"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    picture(tmp_path / "images" / "a.jpg")
    (unread,) = read(tmp_path)[1]
    assert unread.reason.startswith("its picture a.png can't be read")
    save(tmp_path / "annotations" / "panoptic_val" / "a.png", np.zeros(HW, np.int64))
    (unread,) = read(tmp_path)[1]
    assert unread == Unread(
        "images/a.jpg",
        "has no panoptic segment of a thing: segments 70000, 300 are left out: it has no pixel",
    )
    write(tmp_path, categories=[{"id": n, "name": "x", "isthing": 0} for n in (1, 2, 3)])
    with pytest.raises(DatasetError, match="panoptic and has no segment of a thing"):
        open_dataset(str(tmp_path))
