"""SA-1B's files: the bytes of a record, and what is refused when one is read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from anymask.core import rle
from anymask.core.annotations import Annotation, ImageRecord, Record
from anymask.datasets import sa1b_record
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Sample
from anymask.errors import RecordError

KEPT = {"segmentation"}
RESULTS = b'[{"image_id": 1, "category_id": 1, "segmentation": {}, "score": 0.5}]'


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


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"[]", RESULTS, b"null", b"\xff", b"[" * 100_000]
)
def test_what_is_no_record_is_named(content: bytes) -> None:
    with pytest.raises(RecordError, match=r"x\.json is no"):
        sa1b_record.from_bytes(content, "x.json")


def changed(path: list[str | int], value: object, record: Any = None) -> Any:
    """A record in which one value is another, or, for ``...``, missing."""
    content: Any = json.loads(sa1b_record.to_bytes(a_record())) if record is None else record
    place = content
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


def read(content: Any) -> tuple[list[int], list[str]]:
    """The areas of a record's masks, and what is said of the rest."""
    image = "x.jpg", b""
    found = list(sa1b_record.samples_of(image, [("x.json", json.dumps(content).encode())]))
    areas = [rle.area(m) for one in found if isinstance(one, Sample) for m in one.masks]
    assert {one.name for one in found} == {"x.jpg"}
    return areas, [one.reason for one in found if isinstance(one, Unread)]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["image"], None, "its image is None"),
        (["image"], "sa_1.jpg", "its image is 'sa_1.jpg'"),
        (["annotations"], 5, "its annotations are 5"),
        (["annotations"], ..., "it lacks 'annotations'"),
        (["images"], [], "as COCO's files have"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(
    path: list[str | int], value: object, message: str
) -> None:
    with pytest.raises(RecordError, match=message):
        sa1b_record.from_bytes(json.dumps(changed(path, value)).encode(), "x.json")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(
            (["annotations", 0, key], ...)
            for key in a_record()["annotations"][0]
            if key not in KEPT
        ),
        *((["annotations", 0, key], None) for key in ("id", "bbox", "area", "point_coords")),
        (["annotations", 0, "point_coords"], [[]]),
        (["annotations", 0, "point_coords"], []),
        (["annotations", 0, "point_coords"], [[1]]),
        (["annotations", 0, "area"], "4"),
        (["annotations", 0, "bbox"], []),
        (["annotations", 0, "bbox"], [1, 2, 3]),
        (["annotations", 0, "id"], "seven"),
        (["annotations", 0, "segmentation", "size"], ["3", 4.0]),
        (["annotations", 0, "segmentation", "size"], ...),
        (["annotations", 0, "segmentation", "counts"], [4, 2, 1, 2, 3]),
        (["annotations", 0, "segmentation", "counts"], [4.0, 2, 1, 2, 3, 0]),
        (["annotations", 0, "segmentation"], [[1, 1, 3, 1, 3, 3, 1, 3]]),
        (["image", "width"], "4"),
        (["image", "width"], ...),
        (["image", "height"], None),
        (["image", "width"], 3),
        (["image", "image_id"], True),
        (["image", "image_id"], ...),
        (["image", "file_name"], ...),
        (["image"], ...),
        (["image"], {}),
    ],
)
def test_what_is_not_used_or_spelt_otherwise_costs_no_mask(
    path: list[str | int], value: object
) -> None:
    assert read(changed(path, value)) == ([4], [])


def test_the_list_of_the_official_generator_is_a_record() -> None:
    assert read(json.loads(sa1b_record.to_bytes(a_record()))["annotations"]) == ([4], [])


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ([], None, "annotation number 1: it is None"),
        (["segmentation"], ..., "annotation 0: it lacks 'segmentation'"),
        (["segmentation"], None, "annotation 0: "),
        (["segmentation"], [], "annotation 0: "),
        (["segmentation", "size"], [4, 3], "annotation 0: it is not of the image's size: [4, 3]"),
        (["segmentation", "counts"], "9", "annotation 0: a run-length encoding of size 3×4 does"),
        (["segmentation", "counts"], None, "annotation 0: its run lengths are None"),
        (["segmentation", "counts"], 7, "annotation 0: its run lengths are 7"),
        (["segmentation", "counts"], ..., "annotation 0: its run lengths are missing"),
        (["segmentation", "counts"], [4, 2], "annotation 0: its run lengths do not fill 4×3"),
        (["segmentation", "counts"], [4, 2, 1, 2, "3"], "annotation 0: its run lengths are no wh"),
        (["segmentation", "counts"], [4.5, 1.5, 6], "annotation 0: its run lengths are no wh"),
        (["segmentation", "counts"], [12], "annotation 0: it has no pixel"),
    ],
)
def test_a_bad_annotation_loses_itself(path: list[str | int], value: object, reason: str) -> None:
    record = json.loads(sa1b_record.to_bytes(a_record()))
    record["annotations"] *= 2
    record = json.loads(json.dumps(record))
    areas, reasons = read(changed(["annotations", 1, *path], value, record))
    assert areas == [4]
    assert len(reasons) == 1
    assert reasons[0].startswith(reason)
    if path == ["segmentation", "size"]:
        return  # alone, it says what the image's size is
    areas, reasons = read({**record, "annotations": record["annotations"][1:]})
    assert areas == []
    assert reasons[0].startswith("has no object: ")


def test_what_is_lost_for_one_reason_is_named_together() -> None:
    record = json.loads(sa1b_record.to_bytes(a_record()))
    record["annotations"] += [{"id": n} for n in range(1, 7)]
    named = "annotation 1, annotation 2, annotation 3 and 3 more"
    assert read(record) == ([4], [f"{named}: it lacks 'segmentation'"])
