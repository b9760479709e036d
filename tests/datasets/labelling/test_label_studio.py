"""Label Studio's exports: strokes, polygons and ellipses, whose annotation is taken, and names."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anymask.core import rle
from anymask.datasets.labelling import label_studio
from anymask.datasets.labelling.label_studio_tasks import Task, tasks_of
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.errors import DatasetError, RecordError
from tests.datasets.labelling.areas import areas
from tests.datasets.labelling.test_label_studio_brush import encoded
from tests.datasets.pictures import HW, as_file, blank, save

ELLIPSE = {"x": 50, "y": 50, "radiusX": 12.5, "radiusY": 25}
BOX = {"x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0}
SQUARE = [[25.0, 50.0], [50.0, 50.0], [50.0, 75.0], [25.0, 75.0]]  # 8×6 px of 32×24


def result(kind: str = "polygonlabels", number: int = 0, /, **value: Any) -> dict[str, Any]:
    """A result as Label Studio writes it: a polygon of the label "cat" if nothing is said."""
    value = value or {"points": SQUARE, "closed": True}
    return {
        "original_width": HW[1], "original_height": HW[0], "image_rotation": 0,
        "value": {**value, kind: ["cat"]}, "id": f"r{number}", "from_name": "tag",
        "to_name": "image", "type": kind, "origin": "manual",
    }  # fmt: skip


def brush(pixels: int, number: int = 0) -> dict[str, Any]:
    """Strokes over so many pixels, of alpha 1."""
    alpha = np.zeros(HW, np.uint8)
    alpha.flat[:pixels] = 1
    return result("brushlabels", number, format="rle", rle=encoded(alpha))


def annotation(*results: Any, number: int = 7, **more: Any) -> dict[str, Any]:
    """An annotation as Label Studio writes it."""
    return {
        "id": number, "completed_by": 1, "result": list(results or [result()]),
        "was_cancelled": False, "ground_truth": False, "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z", **more,
    }  # fmt: skip


def task(*annotations: Any, image: Any = "/data/upload/1/abcdef12-a.png", **more: Any) -> Any:
    """A task as Label Studio writes it."""
    return {
        "id": 5, "annotations": list(annotations or [annotation()]), "predictions": [],
        "file_upload": "abcdef12-a.png", "data": {"image": image}, "meta": {}, **more,
    }  # fmt: skip


def write(file: Path, /, *tasks: Any) -> None:
    """An export."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(list(tasks or [task()])))


def read(*results: Any, **more: Any) -> tuple[list[tuple[list[float], int, str | None]], list[str]]:
    """Box, area and group of each object, and what else is said."""
    content = json.dumps([task(annotation(*results), **more)]).encode()
    (one,) = tasks_of(content, "x.json")
    objects = label_studio.objects_of(one, HW)
    masks = [(rle.bbox_xywh(mask), rle.area(mask), group) for mask, group in objects.objects]
    found = list(objects.samples("a.png", b""))
    return masks, [unread.reason for unread in found if isinstance(unread, Unread)]


@pytest.mark.parametrize(
    ("region", "box", "area"),
    [
        (result(), [8, 12, 8, 6], 48),
        (result(points=[["25", 50], [50, 50], [50, 75], [25, 75.0]]), [8, 12, 8, 6], 48),
        (result(points=[[0, 0], [100, 0], [100, 100], [0, 100]]), [0, 0, 32, 24], 768),
        (result(points=[[50, 0], [150, 0], [150, 50], [50, 50]]), [16, 0, 16, 12], 192),
        (brush(40), [0, 0, 32, 2], 40),
        (brush(1), [0, 0, 1, 1], 1),
        (result("ellipselabels", **ELLIPSE, rotation=0), [12, 6, 8, 12], 80),
        (result("ellipselabels", **ELLIPSE, rotation=90), [10, 8, 12, 8], 80),
        (result("ellipselabels", **{**ELLIPSE, "radiusX": 1.5}), [], 0),
    ],
)
def test_regions_with_an_area(region: Any, box: list[float], area: int) -> None:
    masks, reasons = read(region)
    if area:
        assert (masks, reasons) == ([(box, area, "cat")], [])
    else:
        assert (masks, reasons) == ([], ["has no object: region r0 (cat): it has no pixel"])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (
            result("rectanglelabels", 1, x=1, y=1, width=5, height=5, rotation=0),
            "a box has no mask",
        ),
        (result("keypointlabels", 1, x=1, y=1, width=0.5), "a point has no area"),
        (
            result("bitmasklabels", 1, imageDataURL="data:image/png;base64,"),
            "bitmasks are not read",
        ),
        (result("polygonlabels", 1, points=SQUARE, closed=False), "an open polygon has no area"),
        (result("polygonlabels", 1, points=SQUARE[:2]), ""),
        (result("polygonlabels", 1, points=[]), ""),
        (result("polygonlabels", 1, points=[[1, None]] * 3), "its points are"),
        (result("brushlabels", 1, rle=[0, 0, 0, 4]), "its brush strokes are of 4 values"),
        (result("brushlabels", 1, rle=[]), "its brush strokes are cut off"),
        (brush(0, 1), "it has no pixel"),
        ({**brush(4, 1), "image_rotation": 90}, "the image was turned by 90°"),
        ({**result("polygonlabels", 1), "original_width": 31}, "it is of an image of another size"),
        (result("ellipselabels", 1, x=1, y=1, radiusX=0, radiusY=4), "an ellipse without a radius"),
        (result("ellipselabels", 1, x=1, y=None, radiusX=1, radiusY=4), "its ellipse is"),
    ],
)
def test_what_is_no_object_is_named_and_the_others_stay(bad: Any, reason: str) -> None:
    masks, reasons = read(result(), bad)
    assert [area for _, area, _ in masks] == [48]
    assert len(reasons) == 1
    assert reasons[0].startswith(f"region r1 (cat): {reason}")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (None, "result number 1: it is None"),
        ("r1", "result number 1: it is 'r1'"),
        ({"value": None, "id": "x"}, "region x: its value is None"),
        ({"value": 5, "type": "brushlabels"}, "result number 1: its value is 5"),
        ({"value": {}, "id": "x"}, "region x: its value is {}"),
        ({"id": "x", "type": "brushlabels"}, "region x: it has no value"),
        ({"id": "x", "value": {"brushlabels": ["a"]}}, "region x: it has labels and no place"),
    ],
)
def test_results_without_a_place_are_named(bad: Any, reason: str) -> None:
    masks, reasons = read(result(), bad)
    assert [area for _, area, _ in masks] == [48]
    assert reasons == [reason]
    assert read(bad) == ([], [f"has no object: {reason.replace('number 1', 'number 0')}"])


def test_results_of_one_region_are_one_object() -> None:
    """As ``<Brush>`` with ``<Labels>`` apart writes them, and what is about the image."""
    strokes = brush(4)
    del strokes["value"]["brushlabels"]
    labels = {**strokes, "type": "labels", "value": {**strokes["value"], "labels": ["cat", "dog"]}}
    choices = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    relation = {"type": "relation", "from_id": "r0", "to_id": "r1"}
    masks, reasons = read(strokes, labels, choices, relation, result("polygonlabels", 3))
    assert [(area, group) for _, area, group in masks] == [(4, "cat, dog"), (48, "cat")]
    assert reasons == []


@pytest.mark.parametrize(
    ("annotations", "area", "note"),
    [
        ([annotation(brush(1))], 1, None),
        (
            [annotation(brush(1), number=1), annotation(brush(2), number=2)], 2,
            "has 2 annotations of the whole image: the newest, 2, is taken, the others are passed",
        ),
        (
            [annotation(brush(1), updated_at="2026-03"), annotation(brush(2), number=9)], 1,
            "has 2 annotations of the whole image: the newest, 7, is taken",
        ),
        (
            [annotation(brush(1), ground_truth=True), annotation(brush(2), number=9)], 1,
            "has 2 annotations of the whole image: the ground truth, 7, is taken",
        ),
        ([annotation(brush(1)), annotation(brush(2), number=9, was_cancelled=True)], 1, None),
    ],
)  # fmt: skip
def test_one_annotation_of_a_task_is_taken(
    tmp_path: Path, annotations: Any, area: int, note: str | None
) -> None:
    save(tmp_path / "a.png")
    write(tmp_path / "export.json", task(*annotations))
    found, reasons = areas(tmp_path)
    assert found == {"a.png": area}
    assert len(reasons) == (note is not None)
    assert note is None or reasons["a.png"].startswith(note)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (task(annotation(was_cancelled=True)), "was skipped in Label Studio"),
        (task(annotation(skipped=True)), "was skipped in Label Studio"),
        ({**task(), "annotations": []}, "has no annotation in Label Studio"),
        (
            {**task(), "annotations": [], "predictions": [{"result": [result()]}]},
            "has no annotation in Label Studio: only 1 predictions, which nobody proved",
        ),
        ({**task(), "annotations": [annotation(result=[])]}, "has no object in its mask"),
    ],
)
def test_tasks_without_an_annotation_are_named(tmp_path: Path, entry: Any, reason: str) -> None:
    save(tmp_path / "a.png")
    write(tmp_path / "export.json", entry)
    assert areas(tmp_path) == ({}, {"a.png": reason})


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("/data/upload/1/abcdef12-a.png", "a.png"),
        ("/data/upload/1/abcdef12-a.png", "x/abcdef12-a.png"),
        ("/data/local-files/?d=photos/x/b.png", "x/b.png"),
        ("s3://bucket/photos/b%20c.png", "x/b c.png"),
        ("https://host/b.png?token=x", "b.png"),
        ("C:\\photos\\b.png", "b.png"),
        ("something/without/ending", "x/abcdef12-a.png"),
    ],
)
def test_names_are_resolved_by_what_is_there(tmp_path: Path, image: str, name: str) -> None:
    save(tmp_path / "photos" / name)
    write(tmp_path / "photos" / "export.json", task(image=image))
    assert areas(tmp_path / "photos") == ({name: 48}, {})
    assert areas(tmp_path / "photos" / "export.json") == ({name: 48}, {})
    write(tmp_path / "photos" / "annotations" / "export.json", task(image=image))
    (tmp_path / "photos" / "export.json").unlink()
    assert areas(tmp_path / "photos" / "annotations" / "export.json") == ({name: 48}, {})
    assert areas(tmp_path / "photos" / "annotations", tmp_path / "photos") == ({name: 48}, {})


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "c.png")
    save(tmp_path / "x" / "e.png")
    save(tmp_path / "y" / "e.png")
    others = [task(image="b.png", id=6, file_upload=None), task(id=8)]
    others += [task(image="/z/e.png", id=9), task(image=None, id=10, file_upload=None)]
    write(tmp_path / "export.json", task(), *others)
    (tmp_path / "settings.json").write_text("[1]")
    assert areas(tmp_path) == (
        {"a.png": 48},
        {
            "c.png": "has no task in Label Studio",
            "x/e.png": "has no task in Label Studio",
            "y/e.png": "has no task in Label Studio",
            "task 6 of export.json": "is about 'b.png', which is not there",
            "task 8 of export.json": "is another task of a.png",
            "task 9 of export.json": "is about no one image: /z/e.png may be x/e.png or y/e.png",
            "task 10 of export.json": "names no image",
        },
    )
    write(tmp_path / "export.json", task(image="b.png", file_upload=""))
    with pytest.raises(DatasetError, match=r"it names 'b\.png'; give their folder as images"):
        open_dataset(str(tmp_path))


def test_images_within_tasks(tmp_path: Path) -> None:
    held = "data:image/png;base64," + base64.b64encode(as_file(blank(3))).decode()
    write(tmp_path / "export.json", task(image=held), task(image="data:image/png;base64,?", id=6))
    assert areas(tmp_path) == ({"export/5": 48}, {"export/6": "holds a broken image"})


def test_sizes_that_are_missing_are_the_image_s(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    region = result()
    del region["original_width"]
    write(tmp_path / "export.json", task(annotation(region)))
    assert areas(tmp_path) == ({"a.png": 48}, {})


def test_several_images_of_a_task(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    second = {**brush(3), "item_index": 1}
    first = {**brush(2), "item_index": 0}
    write(tmp_path / "export.json", task(annotation(first, second), image=["a.png", "b.png"]))
    assert areas(tmp_path) == ({"a.png": 2, "b.png": 3}, {})
    by_name = [{**brush(2), "to_name": "left"}, {**brush(3), "to_name": "right"}]
    data = {"left": "a.png", "right": "b.png"}
    write(tmp_path / "export.json", task(annotation(*by_name), data=data))
    assert areas(tmp_path) == ({"a.png": 2, "b.png": 3}, {})
    write(tmp_path / "export.json", task(data=data))
    reason = "is one of several images of a task, and its results say not which they mean"
    assert areas(tmp_path) == ({}, {"a.png": reason, "b.png": reason})


def line(*regions: dict[str, Any], number: int = 7, **more: Any) -> dict[str, Any]:
    """A line of JSON_MIN."""
    values = [
        {**region["value"], "original_width": HW[1], "original_height": HW[0]} for region in regions
    ]
    return {
        "image": "/data/upload/1/abcdef12-a.png", "id": 5, "tag": values, "quality": "good",
        "annotator": 1, "annotation_id": number, "created_at": f"2026-01-0{number}",
        "updated_at": f"2026-01-0{number}", "lead_time": 3.5, **more,
    }  # fmt: skip


def test_lines_of_json_min(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    strokes = brush(4)
    with_label = {**strokes, "value": {**strokes["value"], "labels": ["dog"]}}
    (one,) = tasks_of(json.dumps([line(result(), strokes, with_label)]).encode(), "x.json")
    groups = [group for _, group in label_studio.objects_of(one, HW).objects]
    assert groups == ["cat", "cat, dog"]
    write(tmp_path / "export.json", line(brush(3), number=4), line(brush(2), number=5))
    found, reasons = areas(tmp_path)
    assert found == {"a.png": 2}
    assert reasons["a.png"].startswith("has 2 annotations of the whole image: the newest, 5, is")


@pytest.mark.parametrize("about", [True, False])
@pytest.mark.parametrize("spelt", [list, lambda regions: regions[0], json.dumps])
def test_regions_of_a_line_in_every_spelling(tmp_path: Path, about: bool, spelt: Any) -> None:
    save(tmp_path / "a.png")
    whole = line(result())
    kept = {key: whole[key] for key in (whole if about else ("image", "id", "tag", "quality"))}
    (tmp_path / "export.json").write_text(json.dumps([{**kept, "tag": spelt(whole["tag"])}]))
    assert areas(tmp_path) == ({"a.png": 48}, {})


def test_keys_of_a_line_are_called_as_people_like(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    whole = line(result())
    strokes = [{**brush(5)["value"], "brushlabels": "dog"}]
    other = {**line(brush(3)), "id": 6, "scan": "b.png"}
    del other["image"]
    write(tmp_path / "export.json", {**whole, "Brush 2": strokes, "boxes": None, "k": []}, other)
    found, reasons = areas(tmp_path)
    assert (found, reasons) == ({"a.png": 48, "b.png": 3}, {})
    (one, _) = tasks_of((tmp_path / "export.json").read_bytes(), "x.json")
    assert [group for _, group in label_studio.objects_of(one, HW).objects] == ["cat", "dog"]


def test_what_is_no_region_among_those_of_a_line_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    whole = line(result(), result("rectanglelabels", **BOX))
    whole["tag"] += [None, "x", {"polygonlabels": ["cat"]}]
    write(tmp_path / "export.json", whole)
    samples = [one for part in open_dataset(str(tmp_path)).parts for one in part.read()]
    assert [one.reason for one in samples if isinstance(one, Unread)] == [
        "result number 2: it is None",
        "result number 3: it is 'x'",
        "result number 4: it has labels and no place",
        "region 1 (cat): a box has no mask",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {**task(), "annotations": annotation()},
        {**task(), "annotations": json.dumps([annotation()])},
        task({**annotation(), "result": result()}),
        task({**annotation(), "result": json.dumps([result()])}),
        task(annotation(result(points=[{"x": x, "y": y} for x, y in SQUARE]))),
        {**task(), "data": {"any_key": "/data/upload/1/abcdef12-a.png", "title": "x"}},
    ],
)
def test_one_of_a_kind_in_every_spelling(tmp_path: Path, entry: Any) -> None:
    save(tmp_path / "a.png")
    write(tmp_path / "export.json", entry)
    assert areas(tmp_path) == ({"a.png": 48}, {})


@pytest.mark.parametrize("nothing", [None, [], {}, "", "[]"])
def test_no_results_are_no_objects(tmp_path: Path, nothing: Any) -> None:
    save(tmp_path / "a.png")
    write(tmp_path / "export.json", task({**annotation(), "result": nothing}))
    found, reasons = areas(tmp_path)
    assert found == {}
    assert reasons.keys() == {"a.png"}


def test_an_annotation_alone_as_storage_has_it(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    alone = {**annotation(), "task": {"id": 5, "data": {"image": "a.png"}}}
    (tmp_path / "17.json").write_text(json.dumps(alone))
    assert areas(tmp_path) == ({"a.png": 48}, {})


@pytest.mark.parametrize("content", ["[]", "{}", "[1]", '[{"id": 1}]', "null", "{", "[" * 10**5])
def test_what_is_no_export_is_named(content: str) -> None:
    with pytest.raises(RecordError, match=r"x\.json is no"):
        tasks_of(content.encode(), "x.json")


def test_detections_are_no_export(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    detection = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 0.5}
    (tmp_path / "results.json").write_text(json.dumps([detection]))
    with pytest.raises(DatasetError, match="is no dataset that anymask knows"):
        open_dataset(str(tmp_path))


def test_a_task_says_what_it_is_about() -> None:
    (one,) = tasks_of(json.dumps([task()]).encode(), "x.json")
    assert one == Task(5, "/data/upload/1/abcdef12-a.png", "abcdef12-a.png", (result(),), (), "")
