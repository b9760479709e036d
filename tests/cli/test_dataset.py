"""``anymask dataset convert``: what is lost is said first, and nothing is half-written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from anymask.cli.main import app
from anymask.core import rle
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.errors import Error, OutputError

runner = CliRunner()


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder of SA-1B: one image with two masks that overlap, and one without a record."""
    folder = tmp_path / "in"
    folder.mkdir()
    masks = np.zeros((2, 20, 30), bool)
    masks[0, 2:10, 2:12] = masks[1, 6:9, 6:20] = True
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (30, 20)).save(folder / name)
    image = {"image_id": 1, "file_name": "a.jpg", "width": 30, "height": 20}
    annotations = [{"segmentation": rle.encode(mask)} for mask in masks]
    record = {"image": image, "annotations": annotations}
    (folder / "a.json").write_text(json.dumps(record))
    return folder


def convert(*arguments: object) -> Result:
    """Run the command without a terminal."""
    return runner.invoke(app, ["dataset", "convert", *map(str, arguments)])


def masks_of(location: Path) -> list[Any]:
    """The masks of a dataset."""
    parts = open_dataset(location).parts
    samples = [one for part in parts for one in part.samples() if isinstance(one, Sample)]
    return [mask for sample in samples for mask in sample.masks]


def test_losses_come_first_and_need_a_yes(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused = convert(records, out, "--to", "png-instances")
    assert isinstance(refused.exception, Error)
    assert "--yes" in str(refused.exception)
    assert "1 mask of 2 reach under others: 18 pixels go to the upper one" in refused.stderr
    assert "b.jpg has no record beside it" in refused.stderr
    assert not out.exists()
    done = convert(records, out, "--to", "png-instances", "--yes", "--json", "--copy-images")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["losses"][0]["kind"] == "overlaps"
    assert summary["unread"] == [{"name": "b.jpg", "reason": "has no record beside it"}]
    assert sorted(map(rle.area, masks_of(out))) == [42, 62]


@pytest.mark.parametrize("form", ["coco", "coco-polygons", "yolo", "labelme", "cvat"])
def test_there_and_back_are_the_same_masks(records: Path, tmp_path: Path, form: str) -> None:
    (records / "b.jpg").unlink()
    there, back = tmp_path / "there", tmp_path / "back"
    assert convert(records, there, "--to", form, "--link", "--yes").exit_code == 0
    assert not any(path.is_file() and not path.is_symlink() for path in there.rglob("*.jpg"))
    assert convert(there, back, "--to", "sa1b", "--copy-images", "--yes").exit_code == 0
    assert masks_of(back) == masks_of(records)


def test_without_a_loss_there_is_no_question(records: Path, tmp_path: Path) -> None:
    (records / "b.jpg").unlink()
    done = convert(records, tmp_path / "out", "--to", "label-studio")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'out'}\n"
    assert "nothing" in done.stderr
    again = convert(tmp_path / "out", tmp_path / "out2", "--to", "sa1b", "--images", records)
    assert again.exit_code == 0, again.stderr
    assert [path.name for path in (tmp_path / "out2").iterdir()] == ["a.json"]


def test_a_folder_of_files_and_the_input_are_no_output(records: Path, tmp_path: Path) -> None:
    for out in (records, records / "new"):
        assert isinstance(convert(records, out, "--to", "coco", "--yes").exception, OutputError)
    assert sorted(path.name for path in records.iterdir()) == ["a.jpg", "a.json", "b.jpg"]
    both = convert(records, tmp_path / "out", "--to", "coco", "--link", "--copy-images")
    assert both.exit_code == 2
    assert "exclude each other" in both.stderr


def test_links_need_files(records: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert convert(records, elsewhere, "--to", "coco", "--yes").exit_code == 0
    linked = convert(
        elsewhere, tmp_path / "out", "--to", "yolo", "--images", records, "--link", "--yes"
    )
    assert linked.exit_code == 0, linked.stderr
    assert (tmp_path / "out" / "images" / "a.jpg").resolve() == records / "a.jpg"


def test_what_a_whole_file_leaves_out_needs_a_yes_too(records: Path, tmp_path: Path) -> None:
    assert convert(records, tmp_path / "in2", "--to", "coco", "--yes").exit_code == 0
    file = tmp_path / "in2" / "instances.json"
    document = json.loads(file.read_text())
    document["annotations"].append({**document["annotations"][0], "id": 9, "image_id": 77})
    file.write_text(json.dumps(document))
    arguments = tmp_path / "in2", tmp_path / "out", "--to", "cvat", "--images", records
    assert isinstance(convert(*arguments).exception, Error)
    done = convert(*arguments, "--yes", "--json")
    assert len(json.loads(done.stdout)["notes"]) == 1


def test_stopping_leaves_nothing(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anymask.datasets.writing.sa1b.Sa1bWriter.add", stopped)
    result = convert(records, tmp_path / "out", "--to", "sa1b", "--yes")
    assert result.exit_code == 130
    assert "stopped" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
