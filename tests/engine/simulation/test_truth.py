"""What simulated annotators mean: the objects of a dataset, by the names of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anymask.core import rle
from anymask.engine.simulation.truth import Truth
from anymask.errors import DatasetError
from tests.engine.simulation.conftest import NAMES, OBJECTS, region


def changed(truth: Path, **facts: Any) -> None:
    """The same file, the annotations of the second image otherwise."""
    record = json.loads(truth.read_text())
    for annotation in record["annotations"]:
        if annotation["image_id"] == 2:
            annotation |= facts
    truth.write_text(json.dumps(record))


def test_the_largest_come_first(truth: Path, photos: Path) -> None:
    objects = Truth.open(str(truth), photos).objects(NAMES[0])
    assert list(objects) == [region(*box) for box in OBJECTS]


def test_an_image_is_known_by_its_file_where_there_is_one_of_that_name(
    truth: Path, photos: Path
) -> None:
    known = Truth.open(str(truth), photos)
    assert known.objects(f"deep/er/{NAMES[0]}") == known.objects(NAMES[0])
    assert known.objects("another.png") == ()


def test_a_crowd_of_coco_is_no_object(truth: Path, photos: Path) -> None:
    record = json.loads(truth.read_text())
    for number, (image, name) in enumerate(zip(record["images"], NAMES), 1):
        image["file_name"] = f"{number:012}.jpg"  # as COCO's own photographs are called
        (photos / name).rename(photos / image["file_name"])
    truth.write_text(json.dumps(record))
    changed(truth, iscrowd=1)
    known = Truth.open(str(truth), photos)
    assert [len(known.objects(f"{number:012}.jpg")) for number in (1, 2, 3)] == [3, 0, 3]
    assert any("left out as crowds" in note for note in known.notes)


def test_what_cannot_be_read_is_an_error(truth: Path, photos: Path) -> None:
    known = Truth.open(str(truth), photos)
    (photos / NAMES[0]).write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=NAMES[0]):
        known.objects(NAMES[0])
    assert sum(map(rle.area, known.objects(NAMES[1]))) == sum(w * h for _, _, w, h in OBJECTS)
