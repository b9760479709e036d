"""Images and their records under every name, in one folder and in two, and what is no record."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.protocol import DiscSegmenter
from anymask.core.read_options import ReadOptions
from anymask.datasets import sa1b_dataset
from anymask.datasets.listing import list_files
from anymask.datasets.photographs import Unread, find_photographs
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.errors import ImageError
from anymask.jobs.many_images import Settings, segment_all
from anymask.jobs.results import Format
from anymask.predict.automatic import AutomaticConfig

HW = (12, 16)
CONFIG = AutomaticConfig(points_per_side=1, pred_iou_thresh=0.85, stability_score_thresh=0.0)


def png(hw: tuple[int, int] = HW) -> bytes:
    """A picture."""
    content = io.BytesIO()
    Image.new("RGB", hw[::-1]).save(content, "PNG")
    return content.getvalue()


def record(file_name: str | None, area: int = 2) -> bytes:
    """A record with a mask of so many pixels."""
    mask = np.zeros(HW, bool)
    mask.flat[:area] = True
    image: dict[str, Any] = {"width": HW[1], "height": HW[0]}
    if file_name is not None:
        image["file_name"] = file_name
    content = {"image": image, "annotations": [{"segmentation": rle.encode(mask)}]}
    return json.dumps(content).encode()


def make(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def read(location: Path, images: Path | None = None) -> tuple[dict[str, int], dict[str, str]]:
    """The area of the mask of each image, and why others can't be read."""
    dataset = open_dataset(str(location), images=str(images) if images else None)
    found = [sample for part in dataset.parts for sample in part.read()]
    areas = {
        one.name: rle.area(one.masks[0])
        for one in found
        if isinstance(one, Sample) and one.pixels().shape == (*HW, 3)
    }
    unread = [one for one in [*dataset.notes, *found] if isinstance(one, Unread)]
    return areas, {one.name: one.reason for one in unread}


@pytest.mark.parametrize(
    ("image", "name", "meant"),
    [
        ("dog.jpg", "dog.json", "dog.jpg"),
        ("dog.jpg", "dog.json", None),
        ("dog.jpg", "dog.json", "sa_1.jpg"),  # both were renamed
        ("dog.jpg", "dog.jpg.json", None),
        ("dog.jpg", "sa_7760038834176171.json", "dog.jpg"),
        ("a/dog.jpg", "a/sa_77.json", "dog.jpg"),
        ("a/dog.jpg", "a/sa_77.json", "a/dog.jpg"),
        ("a/dog.jpg", "a/sa_77.json", r"C:\photos\a\dog.jpg"),
        ("a/dog.jpg", "a/sa_77.json", "/home/x/photos/a/dog.jpg"),
        ("dog.jpg", "masks/dog.json", "dog.jpg"),
        ("a/dog.jpg", "masks/a/dog.json", "dog.jpg"),
        ("images/dog.jpg", "annotations/dog.json", "dog.jpg"),
        ("Bücher.jpg", "Bücher.json", None),  # composed and not
        ("x.jpg", "y.json", "x.jpg"),
    ],
)
def test_a_record_finds_its_image(tmp_path: Path, image: str, name: str, meant: str | None) -> None:
    make(tmp_path, {image: png(), name: record(meant, area=5)})
    assert read(tmp_path) == ({image: 5}, {})


def test_records_that_are_named_themselves(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": png(), "a.json": record("a.jpg", 3), "b.jpg": png()})
    make(tmp_path, {"sa_1.json": record("b.jpg", 4), "c.jpg": png()})
    assert read(tmp_path / "a.json") == ({"a.jpg": 3}, {})
    assert read(tmp_path / "sa_1.json") == ({"b.jpg": 4}, {})
    areas, reasons = read(tmp_path / "*.json")
    assert areas == {"a.jpg": 3, "b.jpg": 4}
    assert list(reasons.values()) == ["has c.jpg without a record"]


def test_the_only_record_of_images_elsewhere(tmp_path: Path) -> None:
    """Alone in its folder, or named itself: it is no COCO file."""
    make(tmp_path, {"in/a.png": png(), "in/b.png": png(), "out/a.json": record("a.png", 3)})
    for location in ("out", "out/a.json"):
        areas, unread = read(tmp_path / location, tmp_path / "in")
        assert areas == {"a.png": 3}
        assert list(unread.values()) == ["has b.png without a record"]


def stack(*shades: int) -> bytes:
    """A TIFF with a page of each shade."""
    content = io.BytesIO()
    pages = [Image.new("RGB", HW[::-1], (shade,) * 3) for shade in shades]
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:])
    return content.getvalue()


@pytest.mark.parametrize("where", ["in", "out", "out/stack-p0002.json"])
def test_records_of_pages_find_their_pages(tmp_path: Path, where: str) -> None:
    """As ``anymask masks --page all`` names them."""
    folder = where.partition("/")[0]
    pages = {f"{folder}/stack-p000{n}.json": record(f"stack-p000{n}.tif", n) for n in (1, 2)}
    make(tmp_path, {"in/stack.tif": stack(10, 20, 30), **pages})
    images = str(tmp_path / "in") if folder == "out" else None
    dataset = open_dataset(str(tmp_path / where), images=images)
    found = {one.name: one for part in dataset.parts for one in part.samples()}
    wanted = (2,) if where.endswith(".json") else (1, 2)
    assert list(found) == [f"stack-p000{page}.tif" for page in wanted]
    assert not dataset.notes
    for page, sample in zip(wanted, found.values()):
        assert isinstance(sample, Sample)
        assert rle.area(sample.masks[0]) == page
        assert sample.pixels()[0, 0, 0] == 10 * page


def test_options_leave_a_page_what_it_is(tmp_path: Path) -> None:
    files = {f"stack-p000{n}.json": record(f"stack-p000{n}.tif", n) for n in (1, 2, 3)}
    make(tmp_path, {"stack.tif": stack(10, 20), **files})
    dataset = open_dataset(str(tmp_path), options=ReadOptions(bands=(1,), page=2))
    first, second, third = (one for part in dataset.parts for one in part.samples())
    assert isinstance(first, Unread)
    assert first.reason == "is page 1, and page 2 is asked for"
    assert isinstance(second, Sample)
    assert second.options == ReadOptions(bands=(1,), page=2)
    assert isinstance(third, Unread)


def test_a_page_that_is_not_there(tmp_path: Path) -> None:
    make(tmp_path, {"stack.tif": stack(10, 20), "stack-p0003.json": record("stack-p0003.tif")})
    make(tmp_path, {"other-p0001.json": record("other-p0001.tif")})
    lone, third = (one for part in open_dataset(str(tmp_path)).parts for one in part.samples())
    assert isinstance(lone, Unread)
    assert lone.reason == "is the record of other-p0001.tif, which is not there"
    assert isinstance(third, Sample)
    with pytest.raises(ImageError, match="has 2 pages; there is no page 3"):
        third.pixels()


def test_images_and_records_apart(tmp_path: Path) -> None:
    names = ("a.jpg", "x/b.jpg", "y/b.jpg", "y/c.png")
    make(tmp_path / "photos", {**dict.fromkeys(names, png()), "d.jpg": png(), "e.jpg": png()})
    records = {"a.json": record("a.jpg", 1), "x/b.json": record("b.jpg", 2)}
    records |= {"y/sa_12.json": record("b.jpg", 3), "y/c.png.json": record(None, 4)}
    make(tmp_path / "masks", records)
    areas, reasons = read(tmp_path / "masks", tmp_path / "photos")
    assert areas == dict(zip(names, (1, 2, 3, 4)))
    assert list(reasons.values()) == ["has d.jpg and 1 other images without a record"]


def test_images_of_one_name_in_several_folders(tmp_path: Path) -> None:
    make(tmp_path, {"x/a.jpg": png(), "y/a.jpg": png(), "z/a.json": record("a.jpg")})
    make(tmp_path, {"out/y/a.json": record("a.jpg", 4)})
    areas, reasons = read(tmp_path)
    assert areas == {"y/a.jpg": 4}
    assert reasons == {
        "x/a.jpg": "has no record beside it",
        "z/a.json": "is the record of no one image: a.jpg may be x/a.jpg or y/a.jpg",
    }


def test_images_of_one_stem(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": png(), "a.png": png(), "a.json": record("a.png")})
    make(tmp_path, {"b.jpg": png(), "b.png": png(), "b.json": record(None)})
    areas, reasons = read(tmp_path)
    assert areas == {"a.png": 2}
    assert reasons == {
        "a.jpg": "has no record beside it: a.json is that of a.png",
        "b.jpg": "shares b.json with b.png, and it says not whose it is",
        "b.png": "shares b.json with b.jpg, and it says not whose it is",
    }


def test_several_records_of_one_image(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": png(), "a.json": record("a.jpg", 3), "sa_1.json": record("a.jpg", 4)})
    assert read(tmp_path) == (
        {"a.jpg": 3},
        {"a.jpg": "has another record, sa_1.json, which is passed over"},
    )


def test_a_record_without_its_image_is_named(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": png(), "a.json": record("a.jpg"), "sa_1.json": record("gone.jpg")})
    make(tmp_path, {"sa_2.json": record(None)})
    assert read(tmp_path) == (
        {"a.jpg": 2},
        {
            "sa_1.json": "is the record of gone.jpg, which is not there",
            "sa_2.json": "has no image of its name, and names none",
        },
    )


def test_other_json_is_no_record(tmp_path: Path) -> None:
    others = {"settings.json": b'{"model": "x"}', "list.json": b"[1, 2]", "broken.json": b"{"}
    camera = b'{"image": "a.jpg", "exposure": 1}'
    make(tmp_path, {**others, "a.jpg": png(), "a.json": camera})
    assert sa1b_dataset.read(list_files(str(tmp_path))) is None
    make(tmp_path, {"sa_1.json": record("a.jpg")})
    assert read(tmp_path) == ({"a.jpg": 2}, {})


def test_masks_of_another_size_are_named(tmp_path: Path) -> None:
    make(tmp_path, {"a.jpg": png((16, 12)), "a.json": record("a.jpg")})
    dataset = open_dataset(str(tmp_path))
    (sample,) = dataset.parts[0].read()
    assert isinstance(sample, Sample)
    with pytest.raises(Exception, match="has masks of 16×12"):
        sample.pixels()


def shard(path: Path, files: dict[str, bytes]) -> Path:
    """A tar of these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_pairs_in_shards(tmp_path: Path) -> None:
    files = {"a.jpg": png(), "a.jpg.json": record(None, 1), "sa_77.json": record("b.jpg", 2)}
    files |= {"b.jpg": png(), "c.jpg": png(), "settings.json": b"{}", "d.jpg": png()}
    shard(tmp_path / "s.tar", {**files, "d.json": record("x.jpg", 4)})
    areas, reasons = read(tmp_path)
    assert areas == {"s/a.jpg": 1, "s/b.jpg": 2, "s/d.jpg": 4}
    assert reasons == {
        "s/c.jpg": "has no record beside it",
        "s/settings.json": "has no image beside it",
    }


def test_lost_annotations_in_shards(tmp_path: Path) -> None:
    content = json.loads(record("a.jpg"))
    content["annotations"].append({"id": 5})
    shard(tmp_path / "s.tar", {"a.jpg": png(), "a.json": json.dumps(content).encode()})
    reasons = {"s/a.jpg": "annotation 5: it lacks 'segmentation'"}
    assert read(tmp_path) == ({"s/a.jpg": 2}, reasons)


def test_records_in_a_folder_of_images_in_shards(tmp_path: Path) -> None:
    shard(tmp_path / "photos" / "s.tar", {"a.jpg": png(), "b/c.jpg": png()})
    records = {"s/a.json": record("a.jpg", 1), "s/b/sa_4.json": record("c.jpg", 2)}
    make(tmp_path / "masks", records)
    expected: tuple[dict[str, int], dict[str, str]] = ({"s/a.jpg": 1, "s/b/c.jpg": 2}, {})
    assert read(tmp_path / "masks", tmp_path / "photos") == expected
    assert read(tmp_path / "masks", tmp_path / "photos" / "s.tar") == expected
    make(tmp_path / "photos", records)
    assert read(tmp_path / "photos") == expected


def test_a_shard_with_records_and_a_folder_of_others(tmp_path: Path) -> None:
    shard(tmp_path / "s.tar", {"a.jpg": png(), "a.json": record("a.jpg")})
    make(tmp_path, {"s/a.json": record("a.jpg", 1)})
    reasons = {"s.tar": "has records of its own, which are passed over for those in s/"}
    assert read(tmp_path) == ({"s/a.jpg": 1}, reasons)


@pytest.mark.parametrize("out", ["photos", "photos/masks", "masks"])
def test_what_anymask_masks_writes_is_read(tmp_path: Path, out: str) -> None:
    names = ("dog.jpg", "sa_1.jpg", "x/dog.jpg", "x/7.png", "y/dog.jpg")
    photos = make(tmp_path / "photos", dict.fromkeys(names, png()))
    shard(photos / "s.tar", {"dog.jpg": png()})
    settings = Settings("discs", "float32", CONFIG, Format.json)
    photographs = find_photographs([str(photos)], tmp_path / out).photographs
    outcomes = list(segment_all(DiscSegmenter(), photographs, tmp_path / out, settings))
    assert len(outcomes) == 6
    areas, reasons = read(tmp_path / out, photos) if out == "masks" else read(photos)
    assert reasons == {}
    assert sorted(areas) == sorted((*names, "s/dog.jpg"))


@pytest.mark.parametrize("out", ["photos", "masks"])
def test_what_anymask_masks_writes_by_page_is_read(tmp_path: Path, out: str) -> None:
    names = ("a/stack.tif", "b/stack.tif", "b/anim-p0001.tif")
    photos = make(tmp_path / "photos", {"lone.png": png()} | dict.fromkeys(names, stack(10, 200)))
    shard(photos / "s.tar", {"stack.tif": stack(10, 200), "other.png": png()})
    settings = Settings("discs", "float32", CONFIG, Format.json)
    found = find_photographs([str(photos)], tmp_path / out).by_page().photographs
    assert len(found) == 12 - 2
    wanted = [one for one in found if one.name != "s/other.png"]
    list(segment_all(DiscSegmenter(), wanted, tmp_path / out, settings))
    areas, reasons = read(tmp_path / out, photos) if out == "masks" else read(photos)
    assert sorted(areas) == sorted(one.name for one in wanted)
    where = str(photos) if out == "masks" else "s/other.png"
    assert list(reasons) == [where]
    assert "record" in reasons[where]
