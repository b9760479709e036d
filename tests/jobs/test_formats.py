"""Overlays, labels and one COCO file, as a job that resumes; whose results are whose."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from anymask.core import rle
from anymask.core.drawing import plain_masks
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.photographs import Photograph, find_photographs
from anymask.errors import Error
from anymask.jobs.coco_run import COCO_FILE
from anymask.jobs.many_images import SETTINGS_FILE, Outcome, Settings, State, segment_all
from anymask.jobs.results import RECORDS_FOLDER, Format
from anymask.predict.automatic import AutomaticConfig

CONFIG = AutomaticConfig(points_per_side=2, pred_iou_thresh=0.0, stability_score_thresh=0.0)
NAMES = ("7.png", "dog.jpg", "dog.png", "a/7.png", "a/dog.jpg")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Grey pictures, two of one stem and two of one number among them."""
    folder = tmp_path / "in"
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        grey = Image.new("RGB", (160 + number, 120), (99, 99, 99))
        grey.save(folder / name, format="PNG")
    return folder


def segment(folder: Path, out: Path, form: Format) -> list[Outcome]:
    """Everything in a folder, with discs."""
    settings = Settings("discs", "float32", CONFIG, form)
    return list(segment_all(DiscSegmenter(), found(folder), out, settings))


def found(folder: Path) -> list[Photograph]:
    return find_photographs([str(folder)]).photographs


def files(folder: Path) -> dict[str, bytes]:
    """The files of a folder but for the settings."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != SETTINGS_FILE)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    ("form", "names"),
    [
        (Format.json, {"7.json", "dog.jpg.json", "dog.png.json", "a/7.json", "a/dog.json"}),
        (Format.overlay, {"7.jpg", "dog.jpg.jpg", "dog.png.jpg", "a/7.jpg", "a/dog.jpg"}),
        (Format.labels, {"7.png", "dog.jpg.png", "dog.png.png", "a/7.png", "a/dog.png"}),
    ],
)
def test_every_image_has_a_result_of_its_name(
    photographs: Path, tmp_path: Path, form: Format, names: set[str]
) -> None:
    outcomes = segment(photographs, tmp_path / "out", form)
    assert {one.state for one in outcomes} == {State.done}
    before = files(tmp_path / "out")
    assert set(before) == names
    again = segment(photographs, tmp_path / "out", form)
    assert {one.state for one in again} == {State.already}
    assert files(tmp_path / "out") == before


def test_overlays_and_labels_are_pictures_of_the_records(photographs: Path, tmp_path: Path) -> None:
    for form in (Format.json, Format.overlay, Format.labels):
        segment(photographs, tmp_path / form, form)
    record = json.loads((tmp_path / "json" / "a" / "dog.json").read_text())
    masks = [rle.decode(one["segmentation"]) for one in record["annotations"]]
    labels = np.asarray(Image.open(tmp_path / "labels" / "a" / "dog.png"))
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels > 0, np.any(masks, axis=0))
    for number in np.unique(labels[labels > 0]):
        assert masks[number - 1][labels == number].all()
    overlay = np.asarray(Image.open(tmp_path / "overlay" / "a" / "dog.jpg")).astype(int)
    assert overlay.shape == (*labels.shape, 3)
    colourful = np.ptp(overlay, axis=2) > 40
    assert (colourful == (labels > 0)).mean() > 0.95


def test_masks_that_labels_do_not_show_are_named(photographs: Path, tmp_path: Path) -> None:
    outcomes = segment(photographs, tmp_path / "labels", Format.labels)
    shown = np.unique(np.asarray(Image.open(tmp_path / "labels" / "7.png")))
    first = next(one for one in outcomes if one.name == "7.png")
    assert {*shown.tolist()} - {0} == set(range(1, first.masks + 1)) - set(first.hidden)


def test_too_many_masks_for_labels_are_a_broken_image(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_masks, "MOST_OBJECTS", 1)
    outcomes = segment(photographs, tmp_path / "labels", Format.labels)
    assert {one.state for one in outcomes} == {State.broken}
    assert outcomes[0].reason.startswith("7.png: ")
    assert "do not fit in a 16-bit picture" in outcomes[0].reason
    assert files(tmp_path / "labels") == {}


def coco(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / COCO_FILE).read_text())
    return content


def test_one_coco_file_holds_all_images(photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    segment(photographs, tmp_path / "json", Format.json)
    outcomes = segment(photographs, out, Format.coco)
    content = coco(out)
    assert [image["file_name"] for image in content["images"]] == [
        "7.png", "a/7.png", "a/dog.jpg", "dog.jpg", "dog.png",
    ]  # fmt: skip
    assert len({image["id"] for image in content["images"]}) == len(NAMES)
    annotations = content["annotations"]
    assert [one["id"] for one in annotations] == list(range(1, len(annotations) + 1))
    assert len(annotations) == sum(one.masks for one in outcomes)
    read = COCO(str(out / COCO_FILE))
    for image in content["images"]:
        (record_of_it,) = [
            record
            for path in (tmp_path / "json").rglob("*.json")
            if (record := json.loads(path.read_text()))["image"]["width"] == image["width"]
        ]
        written = read.loadAnns(read.getAnnIds(imgIds=[image["id"]]))
        for one, original in zip(written, record_of_it["annotations"], strict=True):
            np.testing.assert_array_equal(read.annToMask(one), rle.decode(original["segmentation"]))


def test_a_coco_file_is_the_same_however_it_came_about(photographs: Path, tmp_path: Path) -> None:
    segment(photographs, tmp_path / "at once", Format.coco)
    expected = files(tmp_path / "at once")
    half = tmp_path / "half"
    shutil.copytree(photographs, half)
    shutil.rmtree(half / "a")
    segment(half, tmp_path / "out", Format.coco)
    assert len(coco(tmp_path / "out")["images"]) == 3
    segment(photographs, tmp_path / "out", Format.coco)
    assert files(tmp_path / "out") == expected
    written = (tmp_path / "out" / COCO_FILE).stat().st_mtime_ns
    segment(photographs, tmp_path / "out", Format.coco)
    assert (tmp_path / "out" / COCO_FILE).stat().st_mtime_ns == written
    (tmp_path / "out" / COCO_FILE).unlink()
    segment(photographs, tmp_path / "out", Format.coco)
    assert files(tmp_path / "out") == expected


def test_a_coco_file_that_is_not_ours_stays(photographs: Path) -> None:
    (photographs / COCO_FILE).write_text("{}")
    with pytest.raises(Error, match=r"instances\.json is there, but \.anymask-settings"):
        segment(photographs, photographs, Format.coco)
    assert (photographs / COCO_FILE).read_text() == "{}"


def test_a_damaged_part_of_a_coco_file_is_named(photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    segment(photographs, out, Format.coco)
    part = out / RECORDS_FOLDER / "7.json"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(Error, match=r"7\.json can't be read: .*; delete it and run again"):
        segment(photographs, out, Format.coco)


@pytest.mark.parametrize("form", [Format.json, Format.coco])
def test_results_of_other_images_are_not_taken_for_done(
    photographs: Path, tmp_path: Path, form: Format
) -> None:
    """As dog.json of dog.jpg for a dog.tiff that took its place."""
    out = tmp_path / "out"
    segment(photographs, out, form)
    (photographs / "a" / "dog.jpg").rename(photographs / "a" / "dog.tiff")
    outcomes = {one.name: one for one in segment(photographs, out, form)}
    assert outcomes["a/dog.tiff"].state == State.broken
    assert "a/dog.json is there, but is no result of it" in outcomes["a/dog.tiff"].reason
    assert outcomes["7.png"].state == State.already


@pytest.mark.parametrize("form", [Format.json, Format.overlay, Format.labels, Format.coco])
def test_results_of_an_earlier_version_are_told_apart(
    photographs: Path, tmp_path: Path, form: Format
) -> None:
    out = tmp_path / "out"
    segment(photographs, out, form)
    before = json.loads((out / SETTINGS_FILE).read_text())
    del before["names"]
    (out / SETTINGS_FILE).write_text(json.dumps(before))
    with pytest.raises(Error, match=r"holds results of an earlier version.*take another --out"):
        segment(photographs, out, form)


def test_folders_of_pictures_go_on_from_an_earlier_version(
    photographs: Path, tmp_path: Path
) -> None:
    segment(photographs, tmp_path / "out", Format.png)
    assert "names" not in json.loads((tmp_path / "out" / SETTINGS_FILE).read_text())


def test_records_may_lie_among_their_photographs(photographs: Path) -> None:
    for form in (Format.json, Format.coco):
        here = photographs.with_name(str(form))
        shutil.copytree(photographs, here)
        assert {one.state for one in segment(here, here, form)} == {State.done}
        assert {one.state for one in segment(here, here, form)} == {State.already}
        assert len(found(here)) == len(NAMES)


@pytest.mark.parametrize("form", [Format.overlay, Format.labels, Format.png])
def test_pictures_of_masks_are_no_photographs_of_the_next_run(
    photographs: Path, form: Format
) -> None:
    segment(photographs, photographs / "results", form)
    listing = find_photographs([str(photographs)])
    assert sorted(one.name for one in listing.photographs) == sorted(NAMES)
    ((folder, count),) = listing.results.items()
    assert folder == str(photographs / "results")
    assert count >= len(NAMES)
    alone = find_photographs([str(photographs / "results")])
    assert alone.photographs == []
    (photographs / "results" / SETTINGS_FILE).write_text("damaged")
    assert len(find_photographs([str(photographs)]).photographs) == len(NAMES) + count


def test_settings_differ_by_format(photographs: Path, tmp_path: Path) -> None:
    segment(photographs, tmp_path / "out", Format.json)
    settings = Settings("discs", "float32", CONFIG, Format.coco)
    assert replace(settings, format=Format.json).to_json() != settings.to_json()
    with pytest.raises(Error, match="format was json, now coco"):
        segment(photographs, tmp_path / "out", Format.coco)
