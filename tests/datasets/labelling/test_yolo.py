"""YOLO-seg: which image a label file is of, what its classes are called, and its rings."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from anymask.core import rle
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.errors import DatasetError

SQUARE = "0.1 0.2 0.4 0.2 0.4 0.6 0.1 0.6"  # 3×2 pixels of 10×5


def put(path: Path, text: str | None = None, hw: tuple[int, int] = (5, 10)) -> None:
    """A file of text, or an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        Image.new("RGB", hw[::-1]).save(path)
    else:
        path.write_text(text)


def read(location: Path, images: Path | None = None) -> dict[str, Sample | Unread]:
    """What reading gives, by name; of what is left out of an image, the last."""
    dataset = open_dataset(location, images=images)
    assert dataset.kind == "YOLO labels"
    return {
        one.name + ("!" if not isinstance(one, Sample) else ""): one
        for part in dataset.parts
        for one in part.samples()
    }


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/a.png", "labels/a.txt"),
        ("images/train/a.png", "labels/train/a.txt"),
        ("train/images/x/a.png", "train/labels/x/a.txt"),
        ("labels/a.png", "labels/a.txt"),
        ("obj_train_data/a.png", "obj_train_data/a.txt"),
    ],
)
def test_an_image_has_the_labels_of_its_name(tmp_path: Path, image: str, label: str) -> None:
    put(tmp_path / image)
    put(tmp_path / label, f"1 {SQUARE}\n")
    put(tmp_path / "data.yaml", "names:\n  0: cat\n  1: 'a dog'\n")
    sample = read(tmp_path)[image]
    assert isinstance(sample, Sample)
    assert sample.groups == ("a dog",)
    assert rle.bbox_xywh(sample.masks[0]) == [1, 1, 3, 2]
    assert rle.area(sample.masks[0]) == 6


@pytest.mark.parametrize(
    ("file", "text", "group"),
    [
        ("data.yaml", "names: [cat, dog]", "dog"),
        ("data.yaml", "nc: 2\nnames:\n- cat\n- dog\n", "dog"),
        ("classes.txt", "cat\ndog\n", "dog"),
        ("data.yaml", "names: [cat]", "1"),
        ("data.yaml", "names: {{", "1"),
    ],
)
def test_classes_have_names_or_else_numbers(
    tmp_path: Path, file: str, text: str, group: str
) -> None:
    put(tmp_path / "images/a.png")
    put(tmp_path / "labels/a.txt", f"1 {SQUARE}\n")
    put(tmp_path / file, text)
    sample = read(tmp_path)["images/a.png"]
    assert isinstance(sample, Sample)
    assert sample.groups == (group,)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.1 0.1", "a box has no mask"),
        (f"0 {SQUARE} 0.9", "a ring is not made of 9 numbers"),
        ("0 0.1 0.1 0.2 0.2 0.x 0.3", "its corners are '0.1 0.1 0.2 0.2 0.x 0.3'"),
        ("0 10 20 40 20 40 60", "no shares of the sides"),
        (f"cat {SQUARE}", "its class is 'cat'"),
        ("0 0.1 0.1 0.1 0.1 0.1 0.1", "it has no pixel"),
    ],
)
def test_a_bad_line_loses_itself(tmp_path: Path, line: str, reason: str) -> None:
    put(tmp_path / "images/a.png")
    put(tmp_path / "labels/a.txt", f"0 {SQUARE}\n\n{line}\n")
    both = read(tmp_path)
    sample, left_out = both["images/a.png"], both["images/a.png!"]
    assert isinstance(sample, Sample)
    assert len(sample.masks) == 1
    assert isinstance(left_out, Unread)
    assert left_out.reason.startswith("line 3: ")
    assert reason in left_out.reason


def test_what_has_no_partner_or_several_is_named(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "b.jpg", "alone.png", "empty.png"):
        put(tmp_path / "images" / name)
    for name in ("a", "b", "gone"):
        put(tmp_path / "labels" / f"{name}.txt", f"0 {SQUARE}\n")
    put(tmp_path / "labels/empty.txt", "")
    both = read(tmp_path)
    reasons = {name: one.reason for name, one in both.items() if isinstance(one, Unread)}
    assert reasons == {
        "images/alone.png!": "has no label file",
        "images/b.jpg!": "has no label file",
        "images/b.png!": "has no label file",
        "images/empty.png!": "has no object in its mask",
        "labels/b.txt!": "is of one of several images: images/b.jpg, images/b.png",
        "labels/gone.txt!": "is of an image that is not there",
    }


def test_the_data_file_names_its_folder_and_images_may_lie_elsewhere(tmp_path: Path) -> None:
    put(tmp_path / "out/labels/sub/a.txt", f"0 {SQUARE}\n")
    put(tmp_path / "out/data.yaml", "names: [cat]\n")
    put(tmp_path / "photos/sub/a.png")
    assert isinstance(read(tmp_path / "out", tmp_path / "photos")["sub/a.png"], Sample)
    with pytest.raises(DatasetError, match="--images"):
        read(tmp_path / "out")
    put(tmp_path / "out/images/sub/a.png")
    assert isinstance(read(tmp_path / "out/data.yaml")["images/sub/a.png"], Sample)


def test_key_points_and_names_that_disagree_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "images/a.png")
    put(tmp_path / "labels/a.txt", f"0 {SQUARE}\n")
    put(tmp_path / "data.yaml", "names: [cat]\nkpt_shape: [17, 2]\n")
    with pytest.raises(DatasetError, match="key points"):
        read(tmp_path)
    put(tmp_path / "data.yaml", "names: [cat]\n")
    put(tmp_path / "other.yaml", "names: [dog]\n")
    with pytest.raises(DatasetError, match="different names"):
        read(tmp_path)


def test_turned_photographs_have_the_size_that_is_seen(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    image = Image.new("RGB", (10, 5))
    exif = image.getexif()
    exif[274] = 6
    image.save(tmp_path / "images/a.jpg", exif=exif)
    put(tmp_path / "labels/a.txt", f"0 {SQUARE}\n")
    sample = read(tmp_path)["images/a.jpg"]
    assert isinstance(sample, Sample)
    assert sample.masks[0]["size"] == [10, 5]
