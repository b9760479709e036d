"""Examples as people name them: colons, kinds of masks, labels, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from anymask.core import rle
from anymask.datasets.prompting.examples import ExampleFiles, example_files, read_examples
from anymask.errors import Error, PromptError

SIDE = 12


def image(path: Path, height: int = SIDE) -> str:
    Image.fromarray(np.full((height, SIDE, 3), 90, np.uint8)).save(path)
    return str(path)


def labels(**squares: int) -> npt.NDArray[np.uint8]:
    """A square of three pixels for each value, side by side."""
    values = np.zeros((SIDE, SIDE), np.uint8)
    for number, value in enumerate(squares.values()):
        values[2:5, 4 * number : 4 * number + 3] = value
    return values


def picture(path: Path, values: npt.NDArray[np.uint8]) -> str:
    Image.fromarray(values).save(path)
    return str(path)


def saved(path: Path, content: object) -> str:
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("a.jpg:m.png", ("a.jpg", "m.png")),
        (r"C:\in\a.jpg:C:\in\m.png", (r"C:\in\a.jpg", r"C:\in\m.png")),
        (r"C:/in/a.jpg:m.png", ("C:/in/a.jpg", "m.png")),
        (r"a.jpg:D:\m.png", ("a.jpg", r"D:\m.png")),
        ("12:30.jpg:12:30.png", ("12:30.jpg", "12:30.png")),
        ("s3://b/a.jpg:s3://b/m.png", ("s3://b/a.jpg", "s3://b/m.png")),
        ("https://h:80/a.jpg:m.png", ("https://h:80/a.jpg", "m.png")),
        ("b:m.png", ("b", "m.png")),
    ],
)
def test_the_colon_that_leaves_two_files_parts_them(text: str, files: tuple[str, str]) -> None:
    assert example_files(text, lambda place: place in files) == ExampleFiles(*files)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.jpg", "a.jpg is no example"),
        (r"C:\a.jpg", "is no example"),
        ("a.jpg:", "is no example"),
        ("a.jpg:lost.png", "there is no file lost.png"),
        ("lost.jpg:m.png", "there is no file lost.jpg"),
    ],
)
def test_what_is_no_pair_of_files_is_named(text: str, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        example_files(text, lambda place: place in ("a.jpg", "m.png"))


def test_a_picture_of_one_value_is_one_thing(tmp_path: Path) -> None:
    photo = image(tmp_path / "a.png")
    pairs = [
        ExampleFiles(photo, picture(tmp_path / f"{value}.png", labels(a=value)))
        for value in (1, 255)
    ]
    read = read_examples(pairs)
    assert [np.unique(one.labels).tolist() for one in read.shown] == [[0, 1]] * 2
    assert read.names == {}
    assert len(set(read.digests)) == 1  # the same image and mask, whatever the value


def test_a_class_has_one_number_in_all_examples(tmp_path: Path) -> None:
    photo = image(tmp_path / "a.png")
    first = picture(tmp_path / "first.png", labels(a=7, b=23))
    second = picture(tmp_path / "second.png", labels(a=23, b=9, void=255))
    read = read_examples([ExampleFiles(photo, first), ExampleFiles(photo, second)])
    assert read.names == {1: 7, 2: 9, 3: 23}
    assert read.shown[0].labels[3, [1, 5]].tolist() == [1, 3]
    assert read.shown[1].labels[3, [1, 5, 9]].tolist() == [3, 2, 0]


def test_json_of_every_kind(tmp_path: Path) -> None:
    photo = image(tmp_path / "a.png")
    mask = rle.encode(labels(a=1) > 0)
    size = {"height": SIDE, "width": SIDE}
    kinds = {
        "runs": mask,
        "annotation": {"segmentation": mask},
        "list": [{"segmentation": mask}],
        "record": {"image": size, "annotations": [{"segmentation": mask}]},
        "coco": {
            "images": [{"id": 3, "file_name": "a.png", **size}],
            "annotations": [{"id": 1, "image_id": 3, "category_id": 1, "segmentation": mask}],
            "categories": [{"id": 1, "name": "object"}],
        },
    }
    for name, content in kinds.items():
        pair = ExampleFiles(photo, saved(tmp_path / f"{name}.json", content))
        (only,) = read_examples([pair]).shown
        assert (only.labels == (labels(a=1) > 0)).all(), name


def test_labels_of_a_record_and_categories_of_coco_are_names(tmp_path: Path) -> None:
    photo = image(tmp_path / "a.png")
    masks = [rle.encode(labels(a=1, b=2) == value) for value in (2, 1)]
    size = {"height": SIDE, "width": SIDE}
    record = {
        "image": size,
        "annotations": [
            {"segmentation": masks[0], "label": 12},
            {"segmentation": masks[1], "label": 3},
        ],
    }
    read = read_examples([ExampleFiles(photo, saved(tmp_path / "r.json", record))])
    assert read.names == {1: 3, 2: 12}
    coco = {
        "images": [{"id": 3, "file_name": "x/a.png", **size}, {"id": 4, "file_name": "b.png"}],
        "annotations": [
            {"id": n, "image_id": 3, "category_id": n, "segmentation": mask}
            for n, mask in enumerate(masks, 1)
        ],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}],
    }
    read = read_examples([ExampleFiles(photo, saved(tmp_path / "c.json", coco))])
    assert read.names == {1: "cat", 2: "dog"}


def test_what_can_not_be_an_example_is_refused_by_name(tmp_path: Path) -> None:
    photo = image(tmp_path / "a.png")
    white = picture(tmp_path / "white.png", labels(a=255))
    classes = picture(tmp_path / "classes.png", labels(a=1, b=2))
    refused = {
        "12×20": [ExampleFiles(image(tmp_path / "tall.png", 20), white)],
        "empty": [ExampleFiles(photo, picture(tmp_path / "none.png", labels()))],
        "can't be told": [ExampleFiles(photo, white), ExampleFiles(photo, classes)],
        "lost.png": [ExampleFiles(photo, str(tmp_path / "lost.png"))],
    }
    for said, pairs in refused.items():
        with pytest.raises(Error, match=said):
            read_examples(pairs)


def test_what_is_not_meant_needs_no_label(tmp_path: Path) -> None:
    photo = image(tmp_path / "a.png")
    white = picture(tmp_path / "white.png", labels(a=255))
    classes = picture(tmp_path / "classes.png", labels(a=1, b=2))
    read = read_examples([ExampleFiles(photo, classes)], [ExampleFiles(photo, white)])
    assert np.unique(read.rejected[0].labels).tolist() == [0, 1]
    assert len(read.digests) == 2
