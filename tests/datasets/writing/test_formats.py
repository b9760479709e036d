"""How each format is spelt, and how a folder of it comes to be."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from anymask.core import rle
from anymask.datasets.labelling import label_studio_brush
from anymask.datasets.writing.annotated import AnnotatedImage, AnnotatedObject
from anymask.datasets.writing.folder import ImageFiles
from anymask.datasets.writing.formats import DatasetFormat, write
from anymask.datasets.writing.losses import losses
from anymask.errors import OutputError
from tests.datasets.writing.round_trips import Mask, annotated, read_back

EVERY = list(DatasetFormat)


def square(left: int = 2, top: int = 1, side: int = 4, hw: tuple[int, int] = (10, 12)) -> Mask:
    """A mask of one square."""
    mask = np.zeros(hw, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def ring() -> Mask:
    """A square with a hole."""
    mask = square(side=5)
    mask[3, 4] = False
    return mask


def written(tmp_path: Path, form: DatasetFormat, image: AnnotatedImage) -> Path:
    """The folder that an image was written to."""
    write([image], tmp_path / "out", form)
    return tmp_path / "out"


@pytest.mark.parametrize("form", EVERY)
def test_images_in_folders_with_any_name_come_back(form: DatasetFormat) -> None:
    names = ["b.png", "deep/er/ü 1.v2.png", "deep/a#b%20c.png"]
    images = [
        annotated([square(number), square(number + 4, 5, 3)], ["cat", "dog"], name)
        for number, name in enumerate(names)
    ]
    samples = read_back(images, form)
    assert sorted(one.name.removeprefix("images/") for one in samples) == sorted(names)
    assert all(len(one.masks) == 2 for one in samples)
    assert {one.content for one in samples} == {image.file for image in images}


def test_coco_is_numbered_from_one_and_keeps_scores_and_groups(tmp_path: Path) -> None:
    one = AnnotatedObject(rle.encode(ring()), "cat", "pair", 0.9)
    other = AnnotatedObject(rle.encode(square()))
    image = AnnotatedImage("sub/a.jpg", (10, 12), (one, other))
    out = written(tmp_path, DatasetFormat.coco, image)
    coco = COCO(out / "instances.json")
    assert coco.imgs == {1: {"id": 1, "file_name": "sub/a.jpg", "width": 12, "height": 10}}
    assert [category["name"] for category in coco.loadCats([1, 2])] == ["cat", "object"]
    first, second = coco.loadAnns([1, 2])
    assert (first["score"], first["predicted_iou"], first["group"]) == (0.9, 0.9, "pair")
    assert not {"score", "group"} & second.keys()
    assert (first["area"], first["bbox"], first["iscrowd"]) == (24, [2, 1, 5, 5], 0)
    np.testing.assert_array_equal(coco.annToMask(first), ring())


def test_coco_polygons_keep_holes_in_one_ring_a_part(tmp_path: Path) -> None:
    both = ring()
    both[8, 9] = True
    out = written(tmp_path, DatasetFormat.coco_polygons, annotated([both]))
    coco = COCO(out / "instances.json")
    (only,) = coco.loadAnns([1])
    assert len(only["segmentation"]) == 2
    np.testing.assert_array_equal(coco.annToMask(only), both)


def test_sa1b_leaves_out_what_nobody_knows(tmp_path: Path) -> None:
    known = AnnotatedObject(rle.encode(ring()), predicted_iou=0.5)
    image = AnnotatedImage("sa_7.jpg", (10, 12), (known, replace(known, predicted_iou=None)))
    out = written(tmp_path, DatasetFormat.sa1b, image)
    record = json.loads((out / "sa_7.json").read_text())
    assert record["image"] == {"image_id": 7, "file_name": "sa_7.jpg", "width": 12, "height": 10}
    assert [one.get("predicted_iou") for one in record["annotations"]] == [0.5, None]


def test_class_pictures_have_a_table_of_colours_and_of_names(tmp_path: Path) -> None:
    image = annotated([square(), square(6, 5)], ['a "cat"', None])
    out = written(tmp_path, DatasetFormat.png_classes, image)
    picture = Image.open(out / "masks" / "a.png")
    assert picture.mode == "P"
    assert sorted(np.unique(np.asarray(picture))) == [0, 1, 2]
    head, first, second = (out / "classes.csv").read_text().splitlines()
    assert head == "number,colour,name"
    assert first.endswith(',"a ""cat"""')
    assert second.endswith(',"object"')
    shown = np.asarray(picture.convert("RGB"))[2, 3]
    assert f"#{bytes(shown).hex()}" == first.split(",")[1]


def test_labelme_masks_lie_between_first_and_last_pixel(tmp_path: Path) -> None:
    out = written(tmp_path, DatasetFormat.labelme, annotated([square()], ["cat"], "x/a.png"))
    document = json.loads((out / "x" / "a.json").read_text())
    assert (document["imagePath"], document["imageHeight"]) == ("a.png", 10)
    (shape,) = document["shapes"]
    assert (shape["shape_type"], shape["label"]) == ("mask", "cat")
    assert shape["points"] == [[2, 1], [5, 4]]


def test_yolo_has_an_empty_file_for_an_image_of_nothing(tmp_path: Path) -> None:
    nothing = AnnotatedImage("a.png", (10, 12), ())
    out = written(tmp_path, DatasetFormat.yolo, nothing)
    assert (out / "labels" / "a.txt").read_text() == ""


def test_a_brush_of_long_runs_is_read_as_it_was() -> None:
    mask = np.zeros((300, 400), bool)
    mask[150:] = True
    mask[7, 9] = True
    values = label_studio_brush.encode(mask)
    assert len(values) < 100
    np.testing.assert_array_equal(label_studio_brush.decode(values, (300, 400)), mask)


@pytest.mark.parametrize("form", EVERY)
def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path, form: DatasetFormat) -> None:
    def stopped() -> Iterator[AnnotatedImage]:
        yield annotated([square()])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(stopped(), tmp_path / "out", form, ImageFiles.copied)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    assert write([annotated([square()])], tmp_path / "out", form) == 1
    with pytest.raises(OutputError, match="holds files already"):
        write([annotated([square()])], tmp_path / "out", form)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/../../b.png", "", "a//b.png", "a\\b"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    image = replace(annotated([square()]), name=name)
    for form in EVERY:
        with pytest.raises(OutputError, match="is no name"):
            write([image], tmp_path / "out", form, ImageFiles.copied)
        with pytest.raises(OutputError, match="is no name"):
            losses([image], form)


@pytest.mark.parametrize("form", ["yolo", "sa1b", "labelme", "png-objects", "png-classes"])
def test_two_images_of_one_file_are_refused_before_writing(form: str) -> None:
    images = [annotated([square()], name="x/a.png"), annotated([square()], name="x/A.jpg")]
    with pytest.raises(OutputError, match=r"x/a.png and x/A.jpg would both be"):
        losses(images, DatasetFormat(form))
    assert losses(images, DatasetFormat.coco).images == 2


def test_what_a_format_cannot_hold_is_refused() -> None:
    with pytest.raises(OutputError, match="__ignore__"):
        losses([annotated([square()], ["__ignore__"])], DatasetFormat.labelme)
    with pytest.raises(OutputError, match="signs"):
        losses([annotated([square()], ["a\0"])], DatasetFormat.cvat)
    many = [annotated([square()], [f"{n}"], f"{n}.png") for n in range(255)]
    with pytest.raises(OutputError, match="254 labels"):
        losses(many, DatasetFormat.png_classes)
    with pytest.raises(OutputError, match="mask of 12×10"):
        losses([replace(annotated([square()]), image_hw=(12, 10))], DatasetFormat.coco)


def test_images_are_copied_linked_or_neither(tmp_path: Path) -> None:
    source = tmp_path / "photo.png"
    source.write_bytes(b"pixels")
    image = replace(annotated([square()]), file=source)
    for files in ImageFiles:
        write([image], tmp_path / files, DatasetFormat.yolo, files)
    assert not (tmp_path / "none" / "images").exists()
    assert (tmp_path / "copied" / "images" / "a.png").read_bytes() == b"pixels"
    assert (tmp_path / "linked" / "images" / "a.png").readlink() == source
    with pytest.raises(OutputError, match="can be linked"):
        write([annotated([square()])], tmp_path / "x", DatasetFormat.coco, ImageFiles.linked)
    alone = replace(image, file=None)
    with pytest.raises(OutputError, match="no file of its own"):
        write([alone], tmp_path / "y", DatasetFormat.coco, ImageFiles.copied)


@pytest.mark.parametrize("form", ["coco", "cvat", "label-studio"])
def test_memory_does_not_grow_with_the_dataset(tmp_path: Path, form: str) -> None:
    image = annotated([square(), ring()] * 50, ["cat", "dog"] * 50)

    def peak(count: int) -> int:
        images = (replace(image, name=f"{number}.png") for number in range(count))
        tracemalloc.start()
        write(images, tmp_path / f"{count}", DatasetFormat(form))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(2)
    assert peak(60) < peak(10) + 300_000
