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
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from anymask.core import rle
from anymask.datasets.coco import dataset as coco
from anymask.datasets.coco.segmentation import rle_of
from anymask.datasets.photographs import LeftOut, Missing, Unread
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
    assert outside == Missing("d.png", "is not there")


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
    fs.pipe("/far-coco/coco.json", json.dumps(content).encode())
    fs.pipe("/far-coco/images/1.png", b"pixels")
    (sample,) = read_all(coco.read("memory://far-coco/coco.json", "memory://far-coco/images"))
    assert isinstance(sample, Sample)
    assert sample.content == b"pixels"
    assert sample.groups == (None,)


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (None, "no mask"),
        ("text", "a mask that is none ('text')"),
        ([], "no mask"),
        ([[]], "no mask"),
        ({}, "no mask"),
        (7, "a mask that is none (7)"),
        ([[1, 1, 2, 2]], "a polygon of fewer than 3 points"),
        ([[0.1, 0.1, 0.5, 0.1, 0.5, 1.0]], "a polygon of shares of the sides, or within a pixel"),
        ([[1, 1, 2, 2, 3, 3, 4]], "a polygon of an odd number of coordinates (7)"),
        ([[[1, 1, 1], [4, 1, 1], [4, 4, 1]]], "a polygon whose points are no pairs"),
        ([[1, 1, 4, 1, 4, None]], "a polygon with a corner that is nowhere"),
        ([[1, 1, 4, 1, 4, [4]]], "a polygon of what is no number"),
        ([["a", "b", "c", "d", "e", "f"]], "a polygon of what is no number"),
        ([[1, 1, 4, 1, 4, float("nan")]], "a polygon with a corner that is nowhere"),
        ([[1, 1, 4, 1, 4, 1e300]], "a polygon with a corner that is nowhere"),
        ([[9, 1, 12, 1, 12, 4]], "a polygon outside the image"),
        ([[1, -4, 4, -4, 4, -1]], "a polygon outside the image"),
        ([[1, 1, 2, 1, 4, 1]], "a mask without a pixel"),
        ({"size": 7, "counts": [48]}, "run lengths of another size than the image (7, not [6, 8])"),
        ({"counts": [40]}, "broken run lengths (they do not fill 8×6)"),
        ("1 1 4 1 4 4 1 4", "a mask that is none ('1 1 4 1 4 4 1 4')"),
        ("POLYGON (1, 2)", "a polygon of what is no number (1)"),
        ("POLYGON ((1 1, 2", "a mask that is none"),
        ({"X": 1}, "an object that is neither run lengths nor a shape ({'X': 1})"),
        ({"points": [[1, 1], [4, 1], [4, 4]]}, "neither run lengths nor a shape"),
        ({"type": "LineString", "coordinates": [[1, 1], [4, 1]]}, "a geometry that holds no area"),
        ({"type": "Polygon", "coordinates": []}, "a geometry without rings ([])"),
        ({"x": [1, 4, 4], "y": [1, 1]}, "more coordinates of one axis than of the other (3 and 2)"),
        ({"size": [8, 6], "counts": [48]}, "than the image ([8, 6], not [6, 8])"),
        ({"size": [6, 8], "counts": []}, "broken run lengths ([])"),
        ({"size": [6, 8], "counts": [48]}, "a mask without a pixel"),
        ({"size": [6, 8], "counts": [4, 4]}, "broken run lengths (they do not fill 8×6)"),
        ({"size": [6, 8], "counts": [50, -2]}, "they do not fill 8×6"),
        ({"size": [6, 8], "counts": [2**63, 2**63, 48]}, "they do not fill 8×6"),
        ({"size": [6, 8], "counts": [2**62] * 4 + [48]}, "they do not fill 8×6"),
        ({"size": [6, 8], "counts": [24.5, 23.5]}, "they do not fill 8×6"),
        ({"size": [6, 8], "counts": None}, "run lengths without counts (None)"),
        ({"size": [6, 8], "counts": "9"}, "run-length encoding of size 6×8 does not fill it"),
        ({"size": [6, 8], "counts": "é"}, "not a run-length encoding"),
    ],
)
def test_a_malformed_annotation_takes_only_itself_away(
    tmp_path: Path, segmentation: object, reason: str
) -> None:
    annotations = [annotation(1, 1, segmentation), annotation(5, 2), annotation(2, 2, segmentation)]
    alone, good, left_out = read_all(opened(tmp_path, [image(1), image(2)], annotations))
    assert isinstance(alone, Unread)
    assert alone.reason.startswith("has no annotation with a mask: annotation 1 is left out: ")
    assert isinstance(good, Sample)
    assert len(good.masks) == 1
    assert isinstance(left_out, LeftOut)
    assert (left_out.name, left_out.annotations) == ("2.png", 1)
    assert left_out.reason.startswith("annotation 2 is left out: ")
    for one in (alone, left_out):
        assert reason in one.reason
        assert len(one.reason) < 240


def test_many_are_left_out_in_one_sentence_for_each_reason(tmp_path: Path) -> None:
    boxes = [annotation(n, 1, [], bbox=[1, 1, 2, 2]) for n in range(2, 123)]
    entries = [annotation(1, 1), *boxes, annotation(200, 1, [[1, 1, 2, 2]])]
    sample, *left_out = read_all(opened(tmp_path, [image(1)], entries))
    assert isinstance(sample, Sample)
    assert left_out == [
        LeftOut("1.png", "annotations 2, 3, 4 and 118 more are left out: no mask, only a box", 121),
        LeftOut("1.png", "annotation 200 is left out: a polygon of fewer than 3 points", 1),
    ]


@pytest.mark.parametrize(
    "bad", [[1, 1, 5, 5], [90, 1, 95, 1, 95, 4], [1, 1, 4, 1, 4, float("nan")], [1, 1, 4, 1, 4]]
)
def test_a_bad_polygon_beside_a_good_one_is_lost_alone(tmp_path: Path, bad: list[float]) -> None:
    dataset = opened(tmp_path, [image(1)], [annotation(1, 1, [*SQUARE, bad])])
    sample, left_out = read_all(dataset)
    assert isinstance(sample, Sample)
    np.testing.assert_array_equal(rle.decode(sample.masks[0]), square())
    assert isinstance(left_out, LeftOut)
    assert (left_out.name, left_out.annotations) == ("1.png", 0)
    assert left_out.reason.startswith("a part of annotation 1 is left out: a polygon ")


def test_an_outline_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    zigzag = [value for n in range(1000) for value in (n % 2 * 10_000, n)]
    with pytest.raises(RecordError, match="longer than any outline"):
        rle_of([zigzag], (10_000, 10_000))
    assert rle.area(rle_of([zigzag[:40]], (10_000, 10_000))) > 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"height": -6}, "is 8×-6 (width×height) by the file"),
        ({"width": "wide"}, "is 'wide'×6 (width×height) by the file"),
        ({"width": 8.5}, "is 8.5×6 (width×height) by the file"),
        ({"width": [8]}, "is [8]×6 (width×height) by the file"),
        ({"width": float("nan")}, "is nan×6 (width×height) by the file"),
        ({"width": 10**9}, "is 1000000000×6 (width×height) by the file: too large"),
        ({"width": None, "height": 7}, "is 8×6 (width×height), but None×7 by the file"),
    ],
)
def test_an_image_of_no_size_is_named(tmp_path: Path, changes: Entry, reason: str) -> None:
    bad = read_all(opened(tmp_path, [image(1, **changes)], [annotation(1, 1)]))
    assert bad == [Unread("1.png", reason)]


@pytest.mark.parametrize(
    "changes",
    [
        {"width": "8", "height": 6.0},
        {"width": " 8.0 "},
        {"width": None, "height": None},
        {"width": 0, "height": 0},
        {"height": None},
        {"width": ""},
    ],
)
def test_sizes_in_other_spellings_and_sizes_that_the_image_tells(
    tmp_path: Path, changes: Entry
) -> None:
    (sample,) = read_all(opened(tmp_path, [image(1, **changes)], [annotation(1, 1)]))
    assert isinstance(sample, Sample)
    assert sample.pixels().shape[:2] == HW
    np.testing.assert_array_equal(rle.decode(sample.masks[0]), square())


def test_an_image_without_size_that_is_no_image_is_named(tmp_path: Path) -> None:
    dataset = opened(tmp_path, [image(1, width=None)], [annotation(1, 1)])
    (tmp_path / "images" / "1.png").write_bytes(b"no picture")
    assert read_all(dataset) == [Unread("1.png", "is not an image of a known format")]


def test_a_category_called_void_is_one(tmp_path: Path) -> None:
    location = written(tmp_path, [image(1)], [annotation(1, 1), annotation(2, 1, category_id=4)])
    document = json.loads(Path(location).read_text())
    document["categories"] = [{"id": 3, "name": "void"}, {"id": 4, "name": "solder"}]
    Path(location).write_text(json.dumps(document))
    (sample,) = read_all(coco.read(location, str(tmp_path / "images")))
    assert isinstance(sample, Sample)
    assert sample.groups == ("void", "solder")
    assert sample.is_object == (True, True)


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
        ("[1]", "is no COCO file: it is a list, and has no list of images"),
        ("7", "is no COCO file: it has no list of images"),
        ('{"images": 5, "annotations": []}', "it has no list of images"),
        ('{"images": []}', "it has no list of annotations"),
        ('{"images": [7], "annotations": []}', "image number 0 is left out: it is no entry .*7"),
        ('{"images": [{}], "annotations": []}', "image number 0 is left out: its id is none .None"),
        ('{"images": [{"id": []}], "annotations": []}', r"its id is none .\[\]"),
        ('{"images": [], "annotations": ["x"]}', "annotation number 0 is left out: .*'x'"),
        (
            '{"images": [], "annotations": [{"id": 5}]}',
            "annotation 5 is left out: .*None",
        ),
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
    file = written(tmp_path, [image(1)], [annotation(1, 1, iscrowd=1)])
    with pytest.raises(DatasetError, match="no image with an annotation that is no crowd"):
        coco.read(file, str(tmp_path / "images"), "ignore")


numbers = st.one_of(
    st.integers(), st.floats(), st.floats(-8, 16), st.none(), st.booleans(), st.text(max_size=2)
)
sizes = st.one_of(st.just([*HW]), st.lists(st.integers(-1, 9), max_size=3))
counts = st.one_of(st.text(max_size=8), st.lists(st.integers(-3, 48), max_size=8), numbers)
anything = st.recursive(numbers, lambda inner: st.lists(inner, max_size=9), max_leaves=20)
kinds = st.sampled_from(["Polygon", "MultiPolygon", "Feature", "FeatureCollection", "polygon"])
encodings = st.fixed_dictionaries(
    {}, optional={"size": st.one_of(sizes, numbers), "counts": counts}
)
shapes = st.fixed_dictionaries(
    {},
    optional={
        "type": kinds,
        **dict.fromkeys(("coordinates", "features", "exterior", "interior", "x", "y"), anything),
        "polygon": anything,
        "geometry": st.fixed_dictionaries({"type": kinds, "coordinates": anything}),
    },
)


@given(st.one_of(anything, encodings, shapes, anything.map(str), shapes.map(str)))
@example({"exterior": [0, 0, 4, 0, 4, 4], "interior": 1})
@example({"type": ["Polygon"], "coordinates": []})
@example({"type": "FeatureCollection", "features": [1]})
def test_whatever_a_file_holds_is_a_mask_or_an_error(segmentation: object) -> None:
    try:
        mask = rle_of(segmentation, HW)
    except Error:
        return
    assert rle.decode(mask).shape == HW


@given(st.lists(st.lists(st.floats(-7, 13), min_size=3, max_size=8), min_size=1, max_size=3))
def test_polygons_are_what_pycocotools_makes_of_them(halves: list[list[float]]) -> None:
    polygons = [[value for one in half for value in (one, -one / 2 + 3)] for half in halves]
    official = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *HW)))
    try:
        mask = rle_of(polygons, HW)
    except RecordError:
        assert not official.any()  # all of them are outside
    else:
        np.testing.assert_array_equal(rle.decode(mask), official)


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
