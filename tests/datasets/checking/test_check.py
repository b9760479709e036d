"""Faults of datasets: each is named with its file, its mask and its kind, and nothing else is."""

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
from anymask.datasets.checking.faults import Kind
from anymask.datasets.checking.records import CheckOptions
from anymask.errors import DatasetError
from tests.datasets.checking.folders import HEIGHT, WIDTH, found, record, told, whole, write


def test_a_whole_folder_has_no_fault(tmp_path: Path) -> None:
    findings = found(whole(tmp_path / "a"))
    assert (findings.images, findings.masks, findings.faults) == (2, 6, 0)
    assert findings.lines() == []


def test_boxes_as_the_official_generator_counts_them_are_right(tmp_path: Path) -> None:
    content = record(1)
    for one in content["annotations"]:
        x, y, w, h = one["bbox"]
        one["bbox"] = [x, y, w - 1.0, h - 1.0]
    write(tmp_path / "a", 1, content)
    assert found(tmp_path / "a").faults == 0


SMALL = rle.encode(np.ones((HEIGHT, WIDTH - 1), bool))
EMPTY = rle.encode(np.zeros((HEIGHT, WIDTH), bool))
CASES: list[tuple[str, Any, Kind]] = [
    ("area", 62, Kind.area),
    ("area", "63", Kind.area),
    ("bbox", [2, 3, 7, 7], Kind.bbox),
    ("bbox", [2, 3, 7], Kind.bbox),
    ("bbox", None, Kind.bbox),
    ("predicted_iou", 1.5, Kind.predicted_iou),
    ("predicted_iou", -0.1, Kind.predicted_iou),
    ("predicted_iou", float("nan"), Kind.predicted_iou),
    ("predicted_iou", "0.9", Kind.predicted_iou),
    ("stability_score", 1.01, Kind.stability_score),
    ("stability_score", None, Kind.stability_score),
    ("point_coords", [[30.5, 3]], Kind.point),
    ("point_coords", [[3, -1]], Kind.point),
    ("point_coords", [3, 4], Kind.point),
    ("point_coords", [[3, 4, 5]], Kind.point),
    ("point_coords", "3,4", Kind.point),
    ("crop_box", [0, 0, 31, 20], Kind.crop_box),
    ("crop_box", [-1, 0, 5, 5], Kind.crop_box),
    ("crop_box", 5, Kind.crop_box),
    ("id", "ten", Kind.value),
    ("id", 11, Kind.mask_id),
    ("segmentation", SMALL, Kind.mask_size),
    ("segmentation", {"size": [HEIGHT, WIDTH], "counts": SMALL["counts"]}, Kind.rle),
    ("segmentation", {"size": [HEIGHT, WIDTH], "counts": "oo"}, Kind.rle),
    ("segmentation", {"size": [HEIGHT, WIDTH], "counts": "ä~"}, Kind.rle),
    ("segmentation", {"size": [HEIGHT, WIDTH], "counts": ""}, Kind.rle),
    ("segmentation", {"size": [HEIGHT, WIDTH], "counts": [600]}, Kind.rle),
    ("segmentation", {"size": [HEIGHT, WIDTH]}, Kind.rle),
    ("segmentation", {"counts": EMPTY["counts"]}, Kind.mask_size),
    ("segmentation", [[1, 1, 5, 1, 5, 5]], Kind.rle),
    ("segmentation", None, Kind.rle),
]


@pytest.mark.parametrize(("key", "value", "kind"), CASES)
def test_a_bad_value_is_named(tmp_path: Path, key: str, value: Any, kind: Kind) -> None:
    content = record(2)
    content["annotations"][0][key] = value
    write(whole(tmp_path / "a"), 2, content)
    mask = 1 if kind is Kind.mask_id else 0  # the second one of two
    assert told(found(tmp_path / "a")) == {("sa_2.json", mask, str(kind))}


@pytest.mark.parametrize("key", list(record(1)["annotations"][0]))
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    content = record(2)
    del content["annotations"][1][key]
    write(whole(tmp_path / "a"), 2, content)
    assert told(found(tmp_path / "a")) == {("sa_2.json", 1, "missing key")}


def test_masks_that_no_model_made_are_counted(tmp_path: Path) -> None:
    """A converted dataset has no scores, and a drawn mask may have its clicks alone."""
    content = record(1)
    drawn, clicked, _ = content["annotations"]
    for key in ("predicted_iou", "stability_score"):
        del drawn[key], clicked[key]
    del drawn["point_coords"]
    write(tmp_path / "a", 1, content)
    findings = found(tmp_path / "a")
    assert (findings.faults, findings.without_scores) == (0, 2)


def test_another_key_is_named_unless_it_is_allowed(tmp_path: Path) -> None:
    content = record(1)
    content["annotations"][2]["model"] = content["image"]["licence"] = "x"
    content["annotations"][1]["label"] = "dog"  # as masks that an example found have it
    write(tmp_path / "a", 1, content)
    expected = {("sa_1.json", 2, "extra key"), ("sa_1.json", None, "extra key")}
    assert told(found(tmp_path / "a")) == expected
    assert found(tmp_path / "a", CheckOptions(allowed=("model", "licence"))).faults == 0


def test_empty_and_identical_masks_are_named(tmp_path: Path) -> None:
    content = record(1)
    empty, _, last = content["annotations"]
    empty |= {"segmentation": EMPTY, "area": 0, "bbox": [0, 0, 0, 0]}
    content["annotations"].append(last | {"id": 13})
    content["annotations"].append("a mask")
    write(tmp_path / "a", 1, content)
    assert told(found(tmp_path / "a")) == {
        ("sa_1.json", 0, "empty mask"),
        ("sa_1.json", 3, "identical masks"),
        ("sa_1.json", 4, "bad value"),
    }


def test_several_faults_of_one_mask_are_all_named(tmp_path: Path) -> None:
    content = record(1)
    content["annotations"][0] |= {"area": 1, "bbox": [0, 0, 1, 1], "predicted_iou": 7}
    write(tmp_path / "a", 1, content)
    findings = found(tmp_path / "a")
    assert {kind for _, _, kind in told(findings)} == {"area", "bbox", "predicted_iou"}
    assert "sa_1.json, mask 0: its area is 1, and it has 63 pixels" in "\n".join(findings.lines())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{", "broken JSON"),
        ("", "broken JSON"),
        ("[" * 100_000, "broken JSON"),
        ("{}", "no record"),
        ("3", "no record"),
        ('{"image": {}, "annotations": 5}', "no record"),
    ],
)
def test_a_file_that_is_no_record_is_named(tmp_path: Path, text: str, kind: str) -> None:
    write(whole(tmp_path / "a"), 2, text)
    assert told(found(tmp_path / "a")) == {("sa_2.json", None, kind)}


def test_a_folder_in_which_every_record_is_broken_is_one_of_records(tmp_path: Path) -> None:
    write(tmp_path / "a", 1, "{")
    assert told(found(tmp_path / "a")) == {("sa_1.json", None, "broken JSON")}


def test_what_a_record_says_of_its_image(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a")
    for number, change in enumerate(
        [{"width": "30"}, {"file_name": "sa_1.jpg"}, {"image_id": 1}, {"height": 0}], start=2
    ):
        content = record(number)
        content["image"] |= change
        write(folder, number, content)
    lacking = record(6)
    del lacking["image"]["image_id"]
    write(folder, 6, lacking)
    write(folder, 7, record(7)["annotations"])
    assert told(found(folder)) == {
        ("sa_2.json", None, "bad value"),
        ("sa_3.json", None, "record of another image"),
        ("sa_4.json", None, "duplicate image_id"),
        ("sa_5.json", None, "bad value"),
        ("sa_6.json", None, "missing key"),
        ("sa_7.json", None, "missing key"),
    }


def test_images_and_records_without_each_other(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a", 3)
    (folder / "sa_1.json").unlink()
    (folder / "sa_2.jpg").unlink()
    (folder / "stray.json").write_text("{")
    (folder / "settings.json").write_text('{"a": 1}')
    assert told(found(folder)) == {
        ("sa_1.jpg", None, "record missing"),
        ("sa_2.json", None, "image missing"),
        ("stray.json", None, "broken JSON"),
    }


def test_the_masks_of_a_record_without_image_are_looked_at_too(tmp_path: Path) -> None:
    content = record(2)
    content["annotations"][0]["area"] = 1
    write(whole(tmp_path / "a"), 2, content)
    (tmp_path / "a" / "sa_2.jpg").unlink()
    expected = {("sa_2.json", None, "image missing"), ("sa_2.json", 0, "area")}
    assert told(found(tmp_path / "a")) == expected


def test_broken_images_and_those_of_another_size(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a", 4)
    (folder / "sa_1.jpg").write_bytes(b"no image")
    Image.new("RGB", (WIDTH, HEIGHT + 1)).save(folder / "sa_2.jpg")
    (folder / "sa_3.jpg").write_bytes(b"")
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=95)
    (folder / "sa_4.jpg").write_bytes(file.getvalue()[:-400])
    by_header = {
        ("sa_1.jpg", None, "broken image"),
        ("sa_2.jpg", None, "image of another size"),
        ("sa_3.jpg", None, "broken image"),
    }
    assert told(found(folder)) == by_header
    whole_files = told(found(folder, CheckOptions(pixels=True)))
    assert whole_files == by_header | {("sa_4.jpg", None, "broken image")}


def test_metadata_is_counted_and_a_fault_where_none_is_wanted(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a")
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x0112] = 6  # masks of the image as it is stored are right, too
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "sa_2.jpg", exif=exif)
    findings = found(folder)
    assert (findings.faults, findings.metadata["EXIF"], findings.metadata["GPS"]) == (0, 1, 1)
    stripped = found(folder, CheckOptions(stripped=True))
    assert told(stripped) == {("sa_2.jpg", None, "metadata")}


def test_shards_are_checked_pair_by_pair(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a", 3)
    content = record(2)
    content["annotations"][0]["area"] = 1
    write(folder, 2, content)
    shard = tmp_path / "s" / "sa_0.tar"
    shard.parent.mkdir()
    with tarfile.open(shard, "w") as tar:
        for path in sorted(folder.iterdir()):
            if path.name != "sa_3.json":
                tar.add(path, path.name)
    expected = {("sa_0/sa_2.json", 0, "area"), ("sa_0/sa_3.jpg", None, "record missing")}
    assert told(found(shard)) == told(found(shard.parent)) == expected
    shard.write_bytes(shard.read_bytes()[:3000])
    assert ("sa_0.tar", None, "not read") in told(found(shard))


def test_records_apart_from_their_images(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a")
    (tmp_path / "images").mkdir()
    for path in folder.glob("*.jpg"):
        path.rename(tmp_path / "images" / path.name)
    assert found(folder, images=str(tmp_path / "images")).faults == 0


def test_lists_are_short_and_counts_are_whole(tmp_path: Path) -> None:
    content = record(1)
    for one in content["annotations"]:
        one["area"] = 1
    write(tmp_path / "a", 1, content)
    findings = found(tmp_path / "a", CheckOptions(most_named=2))
    assert (findings.faults, len(told(findings))) == (2, 2)
    assert findings.to_json()["kinds"] == {"area": 2}
    findings = found(tmp_path / "a", CheckOptions(most_named=1))
    assert findings.lines()[-1] == "  and 1 more"


def test_coco_files_are_held_against_their_masks(tmp_path: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.jpg")
    masks = [
        {**one, "image_id": 1, "category_id": 1, "iscrowd": 0} for one in record(1)["annotations"]
    ]
    polygon = masks[2] | {"id": 13, "segmentation": [[1, 1, 9, 1, 9, 9]], "bbox": [1, 1, 8, 8]}
    masks[0]["area"], masks[1]["bbox"] = 1, [0, 0, 9, 9]
    masks += [polygon, polygon | {"bbox": [1, 1, 8, 18], "category_id": 2}]
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}],
        "annotations": masks,
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))
    findings = told(found(tmp_path))
    assert {
        ("instances.json", 0, "area"),
        ("instances.json", 1, "bbox"),
        ("instances.json", 4, "bbox"),
        ("instances.json", 4, "duplicate id"),
    } <= findings
    assert not {2, 3} & {mask for _, mask, kind in findings if kind in ("area", "bbox")}


def test_other_layouts_tell_what_their_readers_can_not_read(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[3:9, 3:9] = 1
    for number in range(3):
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(labels * 255).save(tmp_path / "masks" / f"{number}.png")
    assert found(tmp_path).faults == 0
    (tmp_path / "masks" / "1.png").write_bytes(b"no image")
    Image.new("RGB", (9, 9)).save(tmp_path / "images" / "2.png")
    findings = found(tmp_path, CheckOptions(pixels=True))
    assert findings.faults >= 2
    assert findings.images == 2


def test_no_dataset_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DatasetError, match="no dataset that anymask knows"):
        found(tmp_path)
