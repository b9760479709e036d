"""What a COCO file says: ids and names in other spellings, entries that are none, other files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anymask.core import rle
from anymask.datasets.coco.ids import Ids
from anymask.datasets.coco.names import file_names
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.errors import DatasetError, RecordError
from tests.datasets.coco.written import Entry, annotation, image, picture, read, write


@pytest.mark.parametrize(
    ("ids", "reference", "expected"),
    [
        ([1, 2], 1, 1),
        ([1, 2], "1", 1),
        ([1, 2], 2.0, 2),
        ([1, 2], " 002 ", 2),
        (["1", "2"], 1, "1"),
        (["000000000009"], 9, "000000000009"),
        ([1.0], "1", 1.0),
        ([1, "1"], "1", "1"),
        ([1, "1"], 1, 1),
        ([1, "01"], "1", None),
        (["a"], "a ", "a"),
        ([1], 3, None),
        ([1], True, None),
        ([1], None, None),
        ([1], [1], None),
        ([1], float("nan"), None),
        ([1], 1.5, None),
    ],
)
def test_ids_are_matched_by_value_where_one_has_it(
    ids: list[Any], reference: object, expected: object
) -> None:
    found = Ids(ids).match(reference)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("image_id", "reference", "category"),
    [(1, "1", "3"), ("1", 1, 3.0), (1, 1.0, "03"), ("img-1", "img-1", 3)],
)
def test_references_of_another_type_are_followed(
    tmp_path: Path, image_id: object, reference: object, category: object
) -> None:
    picture(tmp_path / "images" / "a.png")
    entries = [annotation(None, reference, corner(n), category_id=category) for n in (1, 2)]
    write(tmp_path / "instances.json", [image(image_id, file_name="a.png")], entries)
    (sample,), unread, notes = read(tmp_path)
    assert sample.groups == ("cat", "cat")
    assert unread == []
    assert notes == []


def test_annotations_of_no_image_and_entries_that_are_none_are_counted(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    entries = [
        annotation(1, 1),
        annotation(2, 404),
        annotation(3, "x"),
        "none",
        annotation(4, None),
    ]
    images = [image(1), 7, image(None), image(2)]
    write(tmp_path / "instances.json", images, entries)
    (sample,), unread, notes = read(tmp_path)
    assert len(sample.masks) == 1
    assert unread == []
    assert notes == [
        "image number 1 is left out: it is no entry of an image (7)",
        "image number 2 is left out: its id is none (None)",
        "annotations 2, 3, 4 are left out: of images that instances.json does not have "
        "(image_id 404)",
        "annotation number 3 is left out: it is no annotation ('none')",
        "image 2.png has no annotation",
    ]


def test_images_of_one_id_are_lost_alone(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / "images" / f"{name}.png")
    images = [image(1, file_name="a.png"), image(1, file_name="b.png"), image(2, file_name="c.png")]
    write(tmp_path / "instances.json", [*images, images[2]], [annotation(1, 1), annotation(2, 2)])
    (sample,), unread, _ = read(tmp_path)
    assert sample.name == "images/c.png"
    reason = "has the id 1 of another image, so that its annotations may be the other's"
    assert unread == [Unread("images/a.png", reason), Unread("images/b.png", reason)]


def test_names_of_categories_that_are_not_certain_are_said(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    categories = [{"id": 3, "name": "cat"}, {"id": 3, "name": "dog"}, {"id": 4, "name": "cow"}]
    entries = [annotation(n, 1, category_id=n) for n in (3, 4, 5)]
    write(tmp_path / "instances.json", [image(1)], entries, categories=categories)
    (sample,), _, notes = read(tmp_path)
    assert sample.groups == (None, "cow", None)
    assert notes == [
        "annotation or category 3 is without a name: the id of two categories ('cat' and 'dog')",
        "annotation or category 5 is without a name: its category is not in the list of categories "
        "(5)",
    ]


def test_a_mark_of_byte_order_and_trailing_space(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    file = Path(write(tmp_path / "instances.json", [image(1)], [annotation(1, 1)]))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes() + b"\r\n \n")
    assert len(read(tmp_path)[0]) == 1


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"file_name": "a/b.png"}, ("a/b.png",)),
        ({"file_name": "a\\b.png"}, ("a/b.png",)),
        ({"file_name": "C:\\x\\b.png"}, ("x/b.png",)),
        ({"file_name": "c:/x/b.png"}, ("x/b.png",)),
        ({"file_name": "..\\..\\media\\b.png"}, ("media/b.png",)),
        ({"file_name": "/data/local-files/?d=images/b.png"}, ("images/b.png",)),
        ({"file_name": "/data/local-files/?d=images%2Fb.png"}, ("images/b.png",)),
        ({"file_name": "s3://bucket/x/b.png"}, ("x/b.png",)),
        ({"file_name": "https://x.org/y/b.png?size=1"}, ("y/b.png",)),
        ({"file_name": "file:///C:/x/b.png"}, ("C:/x/b.png",)),
        ({"file_name": "b%20c.png"}, ("b%20c.png", "b c.png")),
        ({"file_name": "upload/4/1a2b3c4d-b.png"}, ("upload/4/1a2b3c4d-b.png", "upload/4/b.png")),
        ({"file_name": "what?.png"}, ("what?.png",)),
        ({"file_name": None, "path": "/x/b.png"}, ("x/b.png",)),
        ({"file_name": "", "name": "b.png"}, ("b.png",)),
        ({"coco_url": "http://x.org/val2017/9.jpg"}, ("val2017/9.jpg", "9.jpg")),
        ({"file_name": "..", "id": 4}, ()),
        ({"file_name": 4}, ()),
    ],
)
def test_names_in_many_spellings(entry: Entry, expected: tuple[str, ...]) -> None:
    assert file_names(entry) == expected


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([{"image_id": 1, "bbox": [1, 1, 2, 2], "score": 1}], "a list of results of a detector"),
        ({"images": {"1": image(1)}, "annotations": []}, "its images are an object, keyed by id"),
        (
            {"images": [image(1)], "annotations": {"1": annotation(1, 1)}},
            "its annotations are an object, keyed by id",
        ),
        ({"images": [image(1)]}, "no list of annotations .it only lists images"),
        ({"videos": [], "annotations": []}, "of videos"),
        (
            {"images": [image(1)], "annotations": [{"image_id": 1, "id": 2, "caption": "A dog."}]},
            "it holds captions, and no masks",
        ),
        (
            {"images": [image(1)], "annotations": [{"image_id": 1, "keypoints": [1, 2, 2]}]},
            "it holds keypoints, and no masks",
        ),
    ],
)
def test_other_files_of_coco_are_called_what_they_are(
    tmp_path: Path, document: object, reason: str
) -> None:
    file = tmp_path / "instances.json"
    file.write_text(json.dumps(document))
    picture(tmp_path / "images" / "1.png")
    for place in (file, tmp_path):
        with pytest.raises(RecordError, match=reason):
            open_dataset(str(place))


def test_keypoints_beside_masks_are_read(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    entry = annotation(1, 1, keypoints=[1, 2, 2], num_keypoints=1)
    write(tmp_path / "instances.json", [image(1)], [entry])
    (sample,), unread, _ = read(tmp_path)
    assert rle.area(sample.masks[0]) == 9
    assert unread == []


def test_a_file_without_objects_says_what_it_has(tmp_path: Path) -> None:
    write(tmp_path / "instances.json", [image(1)], [annotation(1, 404)])
    with pytest.raises(DatasetError, match=r"no image with an annotation .*annotation 1 is left"):
        open_dataset(str(tmp_path))


def test_an_entry_that_is_there_twice_is_one_object(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    write(tmp_path / "x.json", [image(1)], [annotation(n, 1, corner(n)) for n in (1, 2, 1, 2, 2)])
    (sample,), _, notes = read(tmp_path)
    assert len(sample.masks) == 2
    assert notes == ["annotations 1, 2, 2 are left out: in the file before, the same in all"]


def test_one_mask_of_two_ids_is_two_objects_and_said(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png", tmp_path / "images" / "2.png")
    text = json.dumps(corner(1))
    entries = [
        annotation(1, 1, corner(1)),
        annotation(2, 1, text),
        annotation(3, 1, corner(1), category_id=4),
        annotation(4, 2, corner(1)),
        annotation(5, 1, corner(5)),
        annotation(5, 1, corner(6)),
        annotation(7, 1, []),
        annotation(8, 1, []),
    ]
    write(tmp_path / "x.json", [image(1), image(2)], entries)
    samples, _, notes = read(tmp_path)
    assert [len(sample.masks) for sample in samples] == [5, 1]
    assert notes[-1] == (
        "annotation 2 has the mask and the category of another one of the same image; all are "
        "taken as objects"
    )


def corner(side: int) -> list[list[int]]:
    """A square of so many pixels a side."""
    return [[0, 0, side, 0, side, side, 0, side]]


def test_a_category_by_its_only_name_is_that_one(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    entries = [annotation(n, 1, corner(n), category_id=name) for n, name in ((1, "cat"), (2, "x"))]
    categories = [{"id": 3, "name": "cat"}, {"id": 4, "name": "x"}, {"id": 5, "name": "x"}]
    write(tmp_path / "x.json", [image(1)], entries, categories=categories)
    (sample,), _, (note,) = read(tmp_path)
    assert sample.groups == ("cat", None)
    assert note == (
        "annotation or category 2 is without a name: its category is not in the list of "
        "categories ('x')"
    )


def test_categories_that_are_no_list_are_said(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png")
    write(tmp_path / "x.json", [image(1)], [annotation(1, 1)], categories={"3": {"name": "cat"}})
    (sample,), _, notes = read(tmp_path)
    assert sample.groups == (None,)
    assert notes == ["its categories are no list: no mask has the name of its category"]
