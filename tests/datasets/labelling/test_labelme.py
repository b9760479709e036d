"""labelme's files: every shape, images beside, elsewhere and within, and what is no object."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.datasets.labelling import labelme
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import VOID_GROUP
from tests.datasets.labelling.areas import areas
from tests.datasets.pictures import HW, as_file, blank, save

SQUARE = [[1, 1], [5, 1], [5, 4], [1, 4]]


def shape(points: Any = SQUARE, kind: Any = "polygon", label: Any = "cat", **more: Any) -> Any:
    """A shape as labelme writes it."""
    return {
        "label": label, "points": points, "group_id": None, "description": "",
        "shape_type": kind, "flags": {}, "mask": None, **more,
    }  # fmt: skip


def in_base_64(values: Any, mode: Any = np.uint8) -> str:
    """A picture of values as labelme holds it."""
    content = io.BytesIO()
    Image.fromarray(np.array(values, mode)).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


def document(*shapes: Any, path: Any = "a.png", **more: Any) -> dict[str, Any]:
    """A file as labelme writes it."""
    return {
        "version": "6.3.1", "flags": {}, "shapes": list(shapes), "imagePath": path,
        "imageData": None, "imageHeight": HW[0], "imageWidth": HW[1], **more,
    }  # fmt: skip


def write(file: Path, /, *shapes: Any, **more: Any) -> None:
    """A file of labelme's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document(*(shapes or (shape(),)), **more)))


def read(*shapes: Any) -> tuple[list[tuple[list[float], int, str | None]], list[str]]:
    """Box, area and group of each object, and why others are none."""
    objects = labelme.objects_of(document(*shapes), HW)
    masks = [(rle.bbox_xywh(mask), rle.area(mask), group) for mask, group in objects.objects]
    found = list(objects.samples("a.png", b""))
    return masks, [one.reason for one in found if isinstance(one, Unread)]


@pytest.mark.parametrize(
    ("points", "kind", "box", "area"),
    [
        (SQUARE, "polygon", [1, 1, 5, 4], 20),
        (SQUARE, None, [1, 1, 5, 4], 20),
        (SQUARE, "oriented_rectangle", [1, 1, 5, 4], 20),
        (SQUARE, "rotation", [1, 1, 5, 4], 20),
        (SQUARE, "rectangle", [1, 1, 5, 4], 20),
        ([["1", 1.0], [5, "1.0"], [5, 4], [1, 4]], "polygon", [1, 1, 5, 4], 20),
        ([[1, 1], [5, 4]], "rectangle", [1, 1, 5, 4], 20),
        ([[5, 4], [1, 1]], "rectangle", [1, 1, 5, 4], 20),
        ([[5, 1], [1, 4]], "rectangle", [1, 1, 5, 4], 20),
        ([[10, 10], [13, 10]], "circle", [7, 7, 7, 7], 37),
        ([[2, 3], [12, 3], [12, 3], [2, 3]], "polygon", [2, 3, 11, 1], 11),  # a strip of a pixel
        ([[-9, 2], [3, 2], [3, 4], [-9, 4]], "polygon", [0, 2, 4, 3], 12),
        (SQUARE, "quadrilateral", [1, 1, 5, 4], 20),
        (SQUARE, "Polygon", [1, 1, 5, 4], 20),
        ([1, 1, 5, 4], "rectangle", [1, 1, 5, 4], 20),
    ],
)
def test_shapes_are_drawn_with_their_outlines(
    points: Any, kind: str, box: list[float], area: int
) -> None:
    assert read(shape(points, kind)) == ([(box, area, "cat")], [])


@pytest.mark.parametrize(
    ("values", "points", "box", "area"),
    [
        ([[1, 0, 1], [1, 1, 1]], [[4, 5], [6, 6]], [4, 5, 3, 2], 5),
        ([[255, 0, 255], [255, 255, 255]], [[4, 5], [6, 6]], [4, 5, 3, 2], 5),
        ([[1, 0, 1], [1, 1, 1]], [[4.0, 5.0], [7.0, 7.0]], [4, 5, 3, 2], 5),  # as others write it
        ([[1] * 5], [[-2, 0], [2, 0]], [0, 0, 3, 1], 3),
        ([[1] * 5], [[29, 23], [33, 23]], [29, 23, 3, 1], 3),
        ([[[0, 0, 1]] * 2], [[0, 0], [1, 0]], [0, 0, 2, 1], 2),
        ([[1]], [[31, 23], [31, 23]], [31, 23, 1, 1], 1),
    ],
)
def test_masks_lie_in_their_boxes(values: Any, points: Any, box: list[float], area: int) -> None:
    assert read(shape(points, "mask", mask=in_base_64(values))) == ([(box, area, "cat")], [])


@pytest.mark.parametrize("mode", [np.uint8, bool])
def test_what_is_above_0_in_a_mask_is_the_object(mode: Any) -> None:
    encoded = in_base_64([[0, 1], [1, 1]], mode)
    (found,), _ = read(shape([[0, 0], [1, 1]], "mask", mask=encoded))
    assert found[1] == 3


def test_labels_may_be_numbers_and_no_text_is_no_group() -> None:
    """What is ungrouped is not one object, however that is spelt."""
    other = [[10, 1], [12, 1], [12, 3], [10, 3]]
    for none in (None, ""):
        found, _ = read(shape(label=3, group_id=none), shape(other, label=3, group_id=none))
        assert [(area, group) for _, area, group in found] == [(20, "3"), (9, "3")]
    found, _ = read(shape(group_id=0), shape(other, group_id="0"))
    assert [area for _, area, _ in found] == [29]


def test_shapes_of_one_label_and_group_are_one_object() -> None:
    other = [[10, 1], [12, 1], [12, 3], [10, 3]]
    masks, reasons = read(
        shape(group_id=1), shape(other, group_id=1), shape(other, label="dog", group_id=1),
        shape(other), shape(SQUARE), shape([[20, 1], [21, 2]], "rectangle", group_id="1"),
        shape([[3, 3]], "point", group_id=1),
    )  # fmt: skip
    assert [(area, group) for _, area, group in masks] == [
        (20 + 9 + 4, "cat"), (9, "dog"), (9, "cat"), (20, "cat"),
    ]  # fmt: skip
    assert reasons == ["shape 6 (cat): a point has no area"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (shape([[1, 1], [5, 5]], "line"), "shape 1 (cat): a line has no area"),
        (shape([[1, 1], [5, 5]], "linestrip"), "shape 1 (cat): a linestrip has no area"),
        (shape([[1, 1]], "point"), "shape 1 (cat): a point has no area"),
        (shape([[1, 1], [5, 5]], "points"), "shape 1 (cat): a points has no area"),
        (shape(kind="cuboid"), "shape 1 (cat): shapes of the type 'cuboid' are not known"),
        (shape(kind=[]), "shape 1 (cat): "),
        (shape([[1, 1], [5, 5]]), "shape 1 (cat): a polygon of 2 points has no area"),
        (shape([]), "shape 1 (cat): a polygon of 0 points has no area"),
        (shape(None), "shape 1 (cat): its points are None"),
        (shape([1, 2, 3]), "shape 1 (cat): its points are [1, 2, 3]"),
        (shape([[1, None]] * 3), "shape 1 (cat): its points are "),
        (shape([[1, float("nan")]] * 3), "shape 1 (cat): its points are "),
        (shape([[1, 1e9]] * 3), "shape 1 (cat): it has a point that is nowhere"),
        (shape([[90, 90], [99, 90], [99, 99]]), "shape 1 (cat): it has no pixel"),
        (shape([[1, 1]], "circle"), "shape 1 (cat): a circle of 1 points is none"),
        (shape([[1, 1]] * 3, "rectangle"), "shape 1 (cat): a rectangle of 3 corners is none"),
        (shape([[1, 1], [2, 2]], "mask"), "shape 1 (cat): its mask is None"),
        (shape([[1, 1], [2, 2]], "mask", mask="!"), "shape 1 (cat): its mask is '!'"),
        (shape([[1, 1]], "mask", mask=""), "shape 1 (cat): the box of a mask has 1 corners"),
        (
            shape([[1, 1], [9, 9]], "mask", mask=in_base_64([[1]])),
            "shape 1 (cat): its mask is 1×1 (width×height), its box 9×9",
        ),
        (shape(label="_background_"), "shape 1 (_background_): _background_ is no object"),
        (None, "shape 1: it is None"),
    ],
)
def test_what_is_no_object_is_named_and_the_others_stay(bad: Any, reason: str) -> None:
    masks, reasons = read(shape(), bad)
    assert [area for _, area, _ in masks] == [20]
    assert len(reasons) == 1
    assert reasons[0].startswith(reason)


def test_labels_are_groups_and_what_is_ignored_is_void() -> None:
    objects = labelme.objects_of(
        document(shape(label="void"), shape(label="__ignore__"), shape(label=None)), HW
    ).objects
    assert [group for _, group in objects] == ["void", VOID_GROUP, None]


@pytest.mark.parametrize(
    ("file", "path", "image"),
    [
        ("a.json", "a.png", "a.png"),
        ("a.json", "renamed.png", "a.png"),
        ("other.json", "a.png", "a.png"),
        ("a.json", None, "a.png"),
        ("x/a.json", "a.png", "x/a.png"),
        ("labels/a.json", "../images/a.png", "images/a.png"),
        ("labels/a.json", "..\\images\\a.png", "images/a.png"),
        ("labels/a.json", "a.png", "images/a.png"),
        ("labels/a.json", "C:\\old\\disk\\a.png", "images/a.png"),
        ("a.json", "/home/x/a.png", "a.png"),
    ],
)
def test_a_file_finds_its_image(tmp_path: Path, file: str, path: str | None, image: str) -> None:
    save(tmp_path / image)
    write(tmp_path / file, path=path)
    assert areas(tmp_path) == ({image: 20}, {})
    assert open_dataset(str(tmp_path)).kind == "labelme files"


@pytest.mark.parametrize("place", ["labels", "labels/a.json", "labels/*.json"])
def test_files_apart_from_their_images(tmp_path: Path, place: str) -> None:
    save(tmp_path / "images" / "a.png")
    write(tmp_path / "labels" / "a.json", path="..\\images\\a.png")
    assert areas(tmp_path / place) == ({"a.png": 20}, {})
    write(tmp_path / "labels" / "a.json", path="a.png")
    assert areas(tmp_path / place, tmp_path / "images") == ({"a.png": 20}, {})


@pytest.mark.parametrize("path", ["a.png", "..\\x\\a.png", None])
def test_images_within_files(tmp_path: Path, path: str | None) -> None:
    encoded = base64.b64encode(as_file(blank(3))).decode()
    write(tmp_path / "x" / "a.json", path=path, imageData=encoded)
    assert areas(tmp_path) == ({"x/a" if path is None else "x/a.png": 20}, {})
    write(tmp_path / "x" / "a.json", path=path, imageData="?")
    _, reasons = areas(tmp_path)
    assert len(reasons) == 1


@pytest.mark.parametrize("size", [(None, None), ("24", "32"), (24.0, 32.0), (0, 0)])
def test_sizes_that_are_missing_or_spelt_otherwise(tmp_path: Path, size: tuple[Any, Any]) -> None:
    save(tmp_path / "a.png")
    write(tmp_path / "a.json", imageHeight=size[0], imageWidth=size[1])
    assert areas(tmp_path) == ({"a.png": 20}, {})


def test_what_is_not_whole_is_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        save(tmp_path / f"{name}.png")
    write(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    write(tmp_path / "c.json", shape([[1, 1]], "point"), path="c.png")
    write(tmp_path / "again.json", path="a.png")
    write(tmp_path / "gone.json", path="gone.png")
    write(tmp_path / "nameless.json", path=None)
    (tmp_path / "settings.json").write_text('{"shapes": 3}')
    assert areas(tmp_path) == (
        {"a.png": 20},
        {
            "again.json": "is another labelme file of a.png: passed over",
            "b.png": "b.json is no JSON: Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)",
            "c.png": "has no object: shape 0 (cat): a point has no area",
            "d.png": "has no labelme file",
            "gone.json": "is the labelme file of gone.png, which is not there",
            "nameless.json": "is the labelme file of an image that it does not name",
        },
    )


def test_a_file_of_one_image_s_name_that_names_another_is_not_taken(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    write(tmp_path / "a.json")
    write(tmp_path / "b.json")  # a copy
    assert areas(tmp_path) == (
        {"a.png": 20},
        {"b.png": "has no labelme file: b.json is that of a.png"},
    )


def test_images_of_one_stem_are_told_apart_by_the_file(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "a.jpg")
    write(tmp_path / "a.json", path="a.jpg")
    assert areas(tmp_path) == ({"a.jpg": 20}, {"a.png": "has no labelme file"})


def test_pictures_of_masks_beside_do_not_hide_the_files(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", blank())
    write(tmp_path / "images" / "a.json")
    assert open_dataset(str(tmp_path)).kind == "labelme files"
    assert areas(tmp_path / "images") == ({"a.png": 20}, {})
