"""Where images lie: folders that are certain, folders that are not, and names of other machines."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from anymask.datasets.coco.places import says_masks
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.errors import DatasetError
from anymask.evaluation.measures.coco_truth import read_truth
from tests.datasets.coco.written import annotation, image, picture, read, write

NAMES = [
    "/home/someone/images/a.png",
    "C:\\data\\images\\a.png",
    "..\\..\\media\\upload\\4\\a.png",
    "/data/local-files/?d=images/a.png",
    "s3://bucket/images/a.png",
    "https://somewhere.org/images/a.png?width=9",
    "upload/4/1a2b3c4d-a.png",
    "1a2b3c4d-a.png",
    "./a.png",
    "a.PNG",
    "a%2Epng",
]


def names_of(place: Path | str, **options: str) -> list[str]:
    """The names of the samples; nothing else is there."""
    samples, unread, _ = read(place, **options)
    assert unread == []
    return [sample.name for sample in samples]


def one(folder: Path, name: str = "a.png", file: str = "instances.json") -> Path:
    """A file of one image."""
    return Path(write(folder / file, [image(1, file_name=name)], [annotation(1, 1)]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("folder", ["images", "photos", "."])
def test_names_of_other_machines_are_found_by_what_is_there(
    tmp_path: Path, name: str, folder: str
) -> None:
    file = one(tmp_path / "here", name)
    picture(tmp_path / "here" / folder / "a.png")
    expected = [str(Path(folder, "a.png"))]
    assert names_of(file.parent) == expected
    assert names_of(file) == expected
    for place in (file, file.parent):
        assert names_of(place, images=str(tmp_path / "here" / folder)) == ["a.png"]


def test_names_in_other_unicode_forms_and_with_signs_of_the_web(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        for other in ("NFC", "NFD"):
            folder = tmp_path / f"{form}{other}"
            name = "Übergröße é.png"
            file = one(folder, unicodedata.normalize(form, name))
            picture(folder / "images" / unicodedata.normalize(other, name))
            for place in (folder, file):
                assert len(names_of(place)) == 1
    one(tmp_path / "web", "a%20b.png")
    picture(tmp_path / "web" / "images" / "a b.png")
    assert names_of(tmp_path / "web") == ["images/a b.png"]


def test_the_longest_end_of_a_name_decides(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("train/a.png", "val/a.png", "val/b.png"):
        picture(photos / name)
    images = [
        image(n, file_name=f"D:\\set\\{name}")
        for n, name in enumerate(("train\\a.png", "val\\a.png", "b.png"))
    ]
    file = write(tmp_path / "set" / "x.json", images, [annotation(n, n) for n in range(3)])
    assert names_of(file, images=str(photos)) == ["train/a.png", "val/a.png", "val/b.png"]


def test_a_name_of_two_files_is_not_chosen(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("day/a.png", "night/a.png", "day/b.png", "day/c.png", "day/d.png"):
        picture(photos / name)
    images = [image(n, file_name=f"/x/{name}.png") for n, name in enumerate("bcda")]
    images[3]["file_name"] = "/x/day2/a.png"
    images[3]["id"] = 3
    file = write(tmp_path / "x.json", images, [annotation(n, n) for n in range(4)])
    # Three of four lie in day/, which tells whose a.png is meant.
    assert names_of(file, images=str(photos)) == [f"day/{n}.png" for n in "abcd"]
    picture(photos / "day" / "more" / "a.png")
    (photos / "day" / "a.png").rename(photos / "day" / "twice.png")
    (photos / "day" / "again").mkdir()
    picture(photos / "day" / "again" / "a.png")
    samples, unread, _ = read(file, images=str(photos))
    assert [sample.name for sample in samples] == [f"day/{n}.png" for n in "bcd"]
    assert unread == [
        Unread(
            "x/day2/a.png",
            "is the name of several files: day/again/a.png, day/more/a.png; give the folder that "
            "is meant (--images)",
        )
    ]


def test_two_images_are_not_one_file(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    images = [image(1, file_name="a.png"), image(2, file_name="/elsewhere/a.png")]
    write(tmp_path / "instances.json", images, [annotation(1, 1), annotation(2, 2)])
    samples, unread, _ = read(tmp_path)
    assert [sample.name for sample in samples] == ["images/a.png"]
    assert unread == [Unread("elsewhere/a.png", "would be images/a.png, which another image is")]


@pytest.mark.parametrize(
    ("file", "folders", "expected"),
    [
        ("instances.json", ["gt", "rgb"], "rgb"),
        ("instances.json", ["masks", "labels", "photos"], "photos"),
        ("instances.json", ["SegmentationClass", "JPEGImages"], "JPEGImages"),
        ("instances.json", ["images", "rgb", "a"], "images"),
        ("annotations/instances_val2017.json", ["train2017", "val2017"], "val2017"),
        ("train.json", ["train", "val"], "train"),
        ("instances_gt.json", ["gt", "rgb"], "rgb"),
    ],
)
def test_folders_that_are_certain(
    tmp_path: Path, file: str, folders: list[str], expected: str
) -> None:
    for folder in folders:
        picture(tmp_path / folder / "a.png")
    location = one(tmp_path, file=file)
    assert names_of(tmp_path) == names_of(location) == [f"{expected}/a.png"]


def test_folders_that_are_not_certain_are_listed_and_the_advice_works(tmp_path: Path) -> None:
    picture(tmp_path / "left" / "a.png", tmp_path / "right" / "a.png")
    file = one(tmp_path)
    message = r"2 folders hold the images that .*: left/, right/; give .* \(--images\)"
    for place in (tmp_path, file):
        with pytest.raises(DatasetError, match=message):
            open_dataset(str(place))
        assert names_of(place, images=str(tmp_path / "right")) == ["a.png"]
    one(tmp_path, "left/a.png")
    assert names_of(tmp_path) == ["left/a.png"]


def test_pictures_of_another_size_are_not_meant(tmp_path: Path) -> None:
    picture(tmp_path / "full" / "a.png")
    picture(tmp_path / "small" / "a.png", hw=(3, 4))
    file = one(tmp_path)
    assert names_of(tmp_path) == names_of(file) == ["full/a.png"]


def test_folders_that_say_masks_are_never_taken(tmp_path: Path) -> None:
    picture(tmp_path / "gt" / "a.png")
    one(tmp_path)
    with pytest.raises(DatasetError, match=r"found only where folders say masks \(gt/\); give"):
        open_dataset(str(tmp_path))
    assert names_of(tmp_path, images=str(tmp_path / "gt")) == ["a.png"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("masks/a.png", True),
        ("x/GroundTruth/a.png", True),
        ("x/ground_truth/b/a.png", True),
        ("train_labels/a.png", True),
        ("SegmentationObject/a.png", True),
        ("gtFine/a.png", True),
        ("images/a.png", False),
        ("labelled/a.png", False),
        ("unmasked/a.png", False),
        ("mask.png", False),
    ],
)
def test_folders_that_say_masks(path: str, expected: bool) -> None:
    assert says_masks(path) is expected


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("IMG_1.png", "img_1.png"),
        ("a.JPG", "a.png"),
        ("a.jpeg", "a.png"),
        ("a", "a.png"),
        ("a.b", "a.b.png"),
        ("a+b.png", "a b.png"),
        ("a b.png", "a+b.png"),
        ("a b.png", "a%20b.png"),
        ("a&amp;b.png", "a&b.png"),
        ("É.png", "é.png"),
        ("D:\\Set\\A.bmp", "a.png"),
    ],
)
@pytest.mark.parametrize("folder", ["images", "photos"])
def test_names_that_are_alike_are_found_and_said(
    tmp_path: Path, written: str, there: str, folder: str
) -> None:
    file = one(tmp_path, written)
    picture(tmp_path / folder / there, tmp_path / "masks" / there)
    for place in (tmp_path, file):
        samples, unread, (note,) = read(place)
        assert (len(samples), unread) == (1, [])
        assert samples[0].name == f"{folder}/{there}"
        assert note.startswith("1 of its images is found by names that differ in capitals, ending ")
        assert note.endswith(f" is {folder}/{there}")


def test_of_several_names_that_are_alike_none_is_chosen(tmp_path: Path) -> None:
    images = [image(n, file_name=name) for n, name in enumerate(("a.jpg", "b.jpg", "c.png"))]
    file = write(tmp_path / "instances.json", images, [annotation(n, n) for n in range(3)])
    names = ("A.png", "a.bmp", "b.png", "c.png")
    picture(*(tmp_path / "images" / name for name in names))
    for place in (tmp_path, file):
        samples, unread, notes = read(place)
        assert [sample.name for sample in samples] == ["images/b.png", "images/c.png"]
        assert [one.reason for one in unread] == [
            "is the name of several files: images/A.png, images/a.bmp; give the folder that is "
            "meant (--images)"
        ]
        assert len(notes) == 1
        assert notes[0].endswith("signs of the web: b.jpg is images/b.png")


def test_an_exact_name_comes_before_one_that_is_alike(tmp_path: Path) -> None:
    images = [image(1, file_name="a.jpg"), image(2, file_name="a.png")]
    write(tmp_path / "instances.json", images, [annotation(1, 1), annotation(2, 2)])
    picture(tmp_path / "images" / "a.png")
    samples, unread, notes = read(tmp_path)
    assert [sample.name for sample in samples] == ["images/a.png"]
    assert unread == [Unread("a.jpg", "would be images/a.png, which another image is")]
    assert notes == []


def test_average_precision_knows_images_by_names_that_are_alike(tmp_path: Path) -> None:
    file = one(tmp_path, "IMG%201.JPG")
    picture(tmp_path / "images" / "img 1.png")
    (sample,), _, _ = read(tmp_path)
    assert read_truth(str(file)).image_of(sample.name).id == 1


def test_one_of_many_names_is_found_although_few_are_tried(tmp_path: Path) -> None:
    images = [image(number) for number in range(250)]
    write(tmp_path / "x.json", images, [annotation(n, n) for n in range(250)])
    for number in range(250):
        picture(tmp_path / "images" / (f"{number}.png" if number != 201 else "201.bmp"))
    assert "images/201.bmp" in {part.name for part in open_dataset(str(tmp_path)).parts}
