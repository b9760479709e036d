"""SA-1B's files: the bytes of a record, and what is refused when one is read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from anymask.core import rle
from anymask.core.annotations import Annotation, ImageRecord, Record
from anymask.datasets import sa1b_record
from anymask.errors import RecordError


def a_record() -> Record:
    """One mask of 2×2 pixels in an image of 4×3."""
    mask = np.zeros((3, 4), bool)
    mask[1:, 1:3] = True
    annotation = Annotation(
        id=0,
        segmentation=rle.encode(mask),
        bbox=[1.0, 1.0, 2.0, 2.0],
        area=4,
        predicted_iou=0.9,
        stability_score=0.95,
        crop_box=[0.0, 0.0, 4.0, 3.0],
        point_coords=[[1.5, 1.5]],
    )
    image = ImageRecord(image_id=7, file_name="sa_7.jpg", width=4, height=3)
    return Record(image=image, annotations=[annotation])


def test_the_file_is_this() -> None:
    assert sa1b_record.to_bytes(a_record()) == (
        b'{"image": {"image_id": 7, "file_name": "sa_7.jpg", "width": 4, "height": 3}, '
        b'"annotations": [{"id": 0, "segmentation": {"size": [3, 4], "counts": "42102"}, '
        b'"bbox": [1.0, 1.0, 2.0, 2.0], "area": 4, "predicted_iou": 0.9, '
        b'"stability_score": 0.95, "crop_box": [0.0, 0.0, 4.0, 3.0], '
        b'"point_coords": [[1.5, 1.5]]}]}\n'
    )


def test_a_record_is_read_as_it_was_written() -> None:
    assert sa1b_record.from_bytes(sa1b_record.to_bytes(a_record()), "x.json") == a_record()


def test_keys_of_others_are_kept() -> None:
    content = {**a_record(), "licence": "x"}
    assert sa1b_record.from_bytes(json.dumps(content).encode(), "x.json") == content


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_record_is_named(content: bytes) -> None:
    with pytest.raises(RecordError, match=r"x\.json is no"):
        sa1b_record.from_bytes(content, "x.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["image"], None, "is no SA-1B record"),
        (["image", "width"], "4", "the image's width is '4'"),
        (["image", "image_id"], True, "the image's image_id is True"),
        (["annotations"], 5, "is no SA-1B record"),
        (["annotations", 0, "area"], "4", "annotation 0: area"),
        (["annotations", 0, "bbox"], [1, 2, 3], r"annotation 0: bbox is \[1, 2, 3\]"),
        (["annotations", 0, "point_coords"], [[1]], "point_coords"),
        (["annotations", 0, "segmentation", "size"], [4, 3], "not of the image's size"),
        (["annotations", 0, "segmentation", "counts"], "9", "does not fill it"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(
    path: list[str | int], value: object, message: str
) -> None:
    content: Any = json.loads(sa1b_record.to_bytes(a_record()))
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(RecordError, match=message):
        sa1b_record.from_bytes(json.dumps(content).encode(), "x.json")


@pytest.mark.parametrize("key", ["id", "segmentation", "crop_box", "stability_score"])
def test_what_an_annotation_lacks_is_named(key: str) -> None:
    content = json.loads(sa1b_record.to_bytes(a_record()))
    del content["annotations"][0][key]
    with pytest.raises(RecordError, match=f"lacks '{key}'"):
        sa1b_record.from_bytes(json.dumps(content).encode(), "x.json")
