"""COCO files: every kind of segmentation, LVIS's addresses, and what is malformed."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from anymask.core import rle
from anymask.datasets import coco
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import DatasetError, Error, RecordError

HW = (6, 8)
SQUARE = [[1, 1, 4, 1, 4, 4, 1, 4]]
Entry = dict[str, Any]


def square() -> npt.NDArray[np.bool_]:
    """The pixels of ``SQUARE``."""
    mask = np.zeros(HW, bool)
    mask[1:4, 1:4] = True
    return mask


def image(number: int, **changes: object) -> Entry:
    """What a file says of an image."""
    return {"id": number, "file_name": f"{number}.png", "height": HW[0], "width": HW[1], **changes}


def annotation(number: int, image_id: int, segmentation: object = SQUARE, **more: object) -> Entry:
    """What a file says of an object."""
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 3,
        "iscrowd": 0,
        "segmentation": segmentation,
        **more,
    }


def written(folder: Path, images: list[Entry], annotations: list[Entry]) -> str:
    """A COCO file, and a picture where it says that there is one."""
    (folder / "images").mkdir(exist_ok=True)
    for image in images:
        if isinstance(image.get("file_name"), str):
            picture = folder / "images" / image["file_name"]
            picture.parent.mkdir(exist_ok=True, parents=True)
            Image.new("RGB", HW[::-1]).save(picture)
    categories = [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog"}, {"name": "nobody"}, 7]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content))
    return str(folder / "instances.json")


def opened(folder: Path, images: list[Entry], annotations: list[Entry]) -> Dataset:
    """The dataset of these."""
    return coco.read(written(folder, images, annotations), str(folder / "images"))


def read_all(dataset: Dataset) -> list[Sample | Unread]:
    """All samples of all parts, each of them read from a copy."""
    return [sample for part in dataset.parts for sample in pickle.loads(pickle.dumps(part)).read()]


def only_unread(folder: Path, segmentation: object) -> str:
    """Why an image with this segmentation is not read; the next image is."""
    annotations = [annotation(1, 1, segmentation), annotation(2, 2)]
    bad, good = read_all(opened(folder, [image(1), image(2)], annotations))
    assert isinstance(bad, Unread)
    assert bad.name == "1.png"
    assert isinstance(good, Sample)
    return bad.reason


def test_all_kinds_of_segmentation_are_masks(tmp_path: Path) -> None:
    mask = square()
    runs = [int(run) for run in rle.runs(rle.encode(mask))]
    kinds = [
        SQUARE,
        {"size": [*HW], "counts": runs},
        {"size": [*HW], "counts": [*runs[:1], 0, 0, *runs[1:-1], 0, 0, runs[-1]]},
        {"size": [*HW], "counts": rle.encode(mask)["counts"]},
        [*SQUARE, [1, 1, 2, 1, 2, 2]],
    ]
    annotations = [annotation(n, 7, kind) for n, kind in enumerate(kinds)]
    (sample,) = read_all(opened(tmp_path, [image(7)], annotations))
    assert isinstance(sample, Sample)
    assert sample.name == "7.png"
    assert sample.pixels().shape == (*HW, 3)
    assert sample.groups == ("cat",) * 5
    for encoded in sample.masks:
        np.testing.assert_array_equal(rle.decode(encoded), mask)


def test_polygons_of_one_annotation_are_one_mask(tmp_path: Path) -> None:
    two = [[0, 0, 2, 0, 2, 2, 0, 2], [5, 3, 7, 3, 7, 5, 5, 5]]
    (sample,) = read_all(opened(tmp_path, [image(1)], [annotation(1, 1, two)]))
    assert isinstance(sample, Sample)
    assert [rle.area(mask) for mask in sample.masks] == [8]


def test_crowds_images_without_objects_and_strangers_are_left_out(tmp_path: Path) -> None:
    annotations = [
        annotation(1, 2, iscrowd=1, segmentation="not even looked at"),
        annotation(2, 2, category_id=4),
        annotation(3, 2, category_id=99),
        annotation(4, 3, iscrowd=1),
        annotation(5, 404),
    ]
    dataset = opened(tmp_path, [image(1), image(2), image(3)], annotations)
    assert [part.name for part in dataset.parts] == ["2.png"]
    assert dataset.kind == "COCO annotations"
    (sample,) = read_all(dataset)
    assert isinstance(sample, Sample)
    assert sample.groups == ("dog", None)


def test_masks_without_pixels_are_left_out(tmp_path: Path) -> None:
    nothing = {"size": [*HW], "counts": [HW[0] * HW[1]]}
    annotations = [annotation(1, 1, nothing), annotation(2, 1), annotation(3, 2, nothing)]
    one, none = read_all(opened(tmp_path, [image(1), image(2)], annotations))
    assert isinstance(one, Sample)
    assert len(one.masks) == 1
    assert none == Unread("2.png", "has no object in its mask")


def test_parts_are_sorted_and_their_names_lead_nowhere_above(tmp_path: Path) -> None:
    images = [image(3, file_name="b\\c.png"), image(2, file_name="a.png"), image(1)]
    images += [image(4, file_name="../../d.png")]
    location = written(tmp_path, images[1:3], [annotation(n, n) for n in (1, 2, 3, 4)])
    document = json.loads(Path(location).read_text())
    document["images"] = images
    Path(location).write_text(json.dumps(document))
    (tmp_path / "images" / "b").mkdir()
    Image.new("RGB", HW[::-1]).save(tmp_path / "images" / "b" / "c.png")
    Image.new("RGB", HW[::-1]).save(tmp_path / "d.png")
    *found, outside = read_all(coco.read(location, str(tmp_path / "images")))
    assert [sample.name for sample in found] == ["1.png", "a.png", "b/c.png"]
    assert all(isinstance(one, Sample) for one in found)
    assert outside == Unread("d.png", "can't be read: No such file or directory")


def test_addresses_of_lvis_lead_to_files_with_and_without_their_split(tmp_path: Path) -> None:
    address = "http://images.cocodataset.org/val2017/000000000009.jpg"
    entry = {"id": 9, "coco_url": address, "height": HW[0], "width": HW[1]}
    location = written(tmp_path, [entry], [annotation(1, 9)])
    (tmp_path / "val2017").mkdir()
    Image.new("RGB", HW[::-1]).save(tmp_path / "val2017" / "000000000009.jpg")
    for images in (tmp_path, tmp_path / "val2017"):
        (sample,) = read_all(coco.read(location, str(images)))
        assert isinstance(sample, Sample)
        assert sample.name == "000000000009.jpg"


def test_files_far_away() -> None:
    fs = fsspec.filesystem("memory")
    content = {"images": [image(1)], "annotations": [annotation(1, 1)]}
    fs.pipe("/far/coco.json", json.dumps(content).encode())
    fs.pipe("/far/images/1.png", b"pixels")
    (sample,) = read_all(coco.read("memory://far/coco.json", "memory://far/images"))
    assert isinstance(sample, Sample)
    assert sample.content == b"pixels"
    assert sample.groups == (None,)


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (None, "its segmentation is None"),
        ("text", "its segmentation is 'text'"),
        ([], "it has no polygon"),
        ([[]], "a polygon of 0 numbers is none"),
        ([[1, 1, 2, 2]], "a polygon of 4 numbers is none"),
        ([[1, 1, 2, 2, 3, 3, 4]], "a polygon of 7 numbers is none"),
        ([1, 1, 4, 1, 4, 4], "a polygon is 1"),
        ([[[1, 1], [4, 1], [4, 4]]], "a polygon is "),
        ([["1", "1", "4", "1", "4", "4"]], "a polygon is "),
        ([[1, 1, 4, 1, 4, None]], "a polygon is "),
        ([[1, 1, 4, 1, 4, [4]]], "a polygon is "),
        ([[1, 1, 4, 1, 4, True, 10**30, 0]], "a polygon is "),
        ([[1, 1, 4, 1, 4, float("nan")]], "a polygon leaves the image"),
        ([[1, 1, 4, 1, 4, 1e300]], "a polygon leaves the image"),
        ([*SQUARE, [1, 1, 4, 1, -2e9, 4]], "a polygon leaves the image"),
        ({}, "its mask is of size None"),
        ({"size": [8, 6], "counts": [48]}, "its mask is of size [8, 6], the image of [6, 8]"),
        ({"size": [6, 8], "counts": []}, "a list of counts is []"),
        ({"size": [6, 8], "counts": [4, 4]}, "its run lengths do not fill 8×6"),
        ({"size": [6, 8], "counts": [50, -2]}, "its run lengths do not fill 8×6"),
        ({"size": [6, 8], "counts": [2**63, 2**63, 48]}, "a list of counts is "),
        ({"size": [6, 8], "counts": [2**62] * 4 + [48]}, "its run lengths do not fill 8×6"),
        ({"size": [6, 8], "counts": [24.0, 24.0]}, "a list of counts is "),
        ({"size": [6, 8], "counts": None}, "its counts are None"),
        ({"size": [6, 8], "counts": "9"}, "a run-length encoding of size 6×8 does not fill it"),
        ({"size": [6, 8], "counts": "é"}, "not a run-length encoding"),
    ],
)
def test_a_malformed_annotation_is_named_and_the_next_image_is_read(
    tmp_path: Path, segmentation: object, reason: str
) -> None:
    found = only_unread(tmp_path, segmentation)
    assert found.startswith("annotation 1 is malformed: ")
    assert reason in found
    assert len(found) < 200


def test_an_outline_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    zigzag = [value for n in range(1000) for value in (n % 2 * 10_000, n)]
    with pytest.raises(RecordError, match="longer than any outline"):
        coco.rle_of([zigzag], (10_000, 10_000))
    assert rle.area(coco.rle_of([zigzag[:40]], (10_000, 10_000))) > 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"height": None}, "is 8×None (width×height) by the file"),
        ({"width": 0}, "is 0×6 (width×height) by the file"),
        ({"width": 8.0}, "is 8.0×6 (width×height) by the file"),
        ({"width": 10**9}, "is 1000000000×6 (width×height) by the file: too large"),
    ],
)
def test_an_image_of_no_size_is_named(tmp_path: Path, changes: Entry, reason: str) -> None:
    bad = read_all(opened(tmp_path, [image(1, **changes)], [annotation(1, 1)]))
    assert bad == [Unread("1.png", reason)]


def test_images_without_name_and_of_one_name_are_named(tmp_path: Path) -> None:
    images = [image(1, file_name=None), image(2, file_name=".."), image(3)]
    images += [image(4, file_name="3.png"), image(5)]
    location = written(tmp_path, images[2:3] + images[4:], [annotation(n, n) for n in range(1, 6)])
    document = json.loads(Path(location).read_text())
    Path(location).write_text(json.dumps({**document, "images": images}))
    twice, good, *nameless = read_all(coco.read(location, str(tmp_path / "images")))
    assert twice == Unread("3.png", "is in the file twice")
    assert isinstance(good, Sample)
    assert nameless == [Unread(f"image {n}", "has no file_name") for n in (1, 2)]


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    dataset = opened(tmp_path, [image(1)], [annotation(1, 1)])
    (tmp_path / "images" / "1.png").unlink()
    assert read_all(dataset) == [Unread("1.png", "can't be read: No such file or directory")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "is no COCO file: it has no list of images"),
        ('{"images": 5, "annotations": []}', "it has no list of images"),
        ('{"images": []}', "it has no list of annotations"),
        ('{"images": [7], "annotations": []}', "number 0 of its images is 7"),
        ('{"images": [{}], "annotations": []}', "the id of image None is None"),
        ('{"images": [{"id": []}], "annotations": []}', r"the id of image \[\] is \[\]"),
        ('{"images": [{"id": 1}, {"id": 1}], "annotations": []}', "two of its images have one id"),
        ('{"images": [], "annotations": ["x"]}', "number 0 of its annotations is 'x'"),
        ('{"images": [], "annotations": [{"id": 5}]}', "the image_id of annotation 5 is None"),
    ],
)
def test_what_is_no_coco_file_is_named(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(RecordError, match=r"x\.json .*" + reason):
        coco.read(str(path), str(tmp_path))


def test_a_file_that_is_not_there_or_has_no_objects_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"x\.json can't be read: No such file"):
        coco.read(str(tmp_path / "x.json"), str(tmp_path))
    with pytest.raises(DatasetError, match="no image with an annotation that is no crowd"):
        opened(tmp_path, [image(1)], [annotation(1, 1, iscrowd=1)])


numbers = st.one_of(
    st.integers(), st.floats(), st.floats(-8, 16), st.none(), st.booleans(), st.text(max_size=2)
)
sizes = st.one_of(st.just([*HW]), st.lists(st.integers(-1, 9), max_size=3))
counts = st.one_of(st.text(max_size=8), st.lists(st.integers(-3, 48), max_size=8), numbers)
anything = st.recursive(numbers, lambda inner: st.lists(inner, max_size=9), max_leaves=20)
encodings = st.fixed_dictionaries({}, optional={"size": sizes, "counts": counts})


@given(st.one_of(anything, encodings))
def test_whatever_a_file_holds_is_a_mask_or_an_error(segmentation: object) -> None:
    try:
        mask = coco.rle_of(segmentation, HW)
    except Error:
        return
    assert rle.decode(mask).shape == HW


@given(st.lists(st.lists(st.floats(-7, 13), min_size=3, max_size=8), min_size=1, max_size=3))
def test_polygons_are_what_pycocotools_makes_of_them(halves: list[list[float]]) -> None:
    polygons = [[value for one in half for value in (one, -one / 2 + 3)] for half in halves]
    official = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *HW)))
    np.testing.assert_array_equal(rle.decode(coco.rle_of(polygons, HW)), official)


@pytest.mark.data
def test_real_photographs(data_folder: Path) -> None:
    folder = data_folder / "coco446"
    if not folder.is_dir():
        pytest.skip("coco446 is not here")
    document = json.loads((folder / "instances.json").read_bytes())
    objects = [one for one in document["annotations"] if not one["iscrowd"]]
    dataset = coco.read(str(folder / "instances.json"), str(folder / "images"))
    samples = [
        sample for part in dataset.parts for sample in part.read() if isinstance(sample, Sample)
    ]
    assert len(dataset) == len(samples) == len({one["image_id"] for one in objects})
    assert sum(len(sample.masks) for sample in samples) == len(objects)
    areas = sum(rle.area(mask) for sample in samples for mask in sample.masks)
    assert areas == pytest.approx(sum(one["area"] for one in objects), rel=0.01)
    samples[0].pixels()
