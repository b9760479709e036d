"""BSDS: its layout, where it may lie, and what is broken in it."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.io import savemat

from anymask.core import rle
from anymask.datasets.benchmarks import bsds
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Sample
from anymask.errors import DatasetError, ImageError, MissingExtraError

HW = (12, 20)


def drawn(*rows: int, hw: tuple[int, int] = HW) -> list[npt.NDArray[np.uint8]]:
    """Boundary maps with a line in a row each."""
    maps = [np.zeros(hw, np.uint8) for _ in rows]
    for one, row in zip(maps, rows):
        one[row] = 1
    return maps


def save_truth(path: Path, maps: list[npt.NDArray[np.uint8]]) -> None:
    """As the benchmark's files are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.empty((1, len(maps)), object)
    for number, one in enumerate(maps):
        cells[0, number] = {"Segmentation": one.astype(np.uint16) + 1, "Boundaries": one}
    savemat(path, {"groundTruth": cells})


def save_image(path: Path, hw: tuple[int, int] = HW) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*hw, 3), 99, np.uint8)).save(path)


def save(folder: Path, name: str, split: str = "val", rows: tuple[int, ...] = (3, 5)) -> None:
    save_image(folder / "images" / split / f"{name}.jpg")
    save_truth(folder / "groundTruth" / split / f"{name}.mat", drawn(*rows))


def read_all(folder: Path, split: str = "val") -> list[Sample | Unread]:
    """All samples, each of a copy of its part."""
    dataset = bsds.read(str(folder), split)
    return [one for part in dataset.parts for one in pickle.loads(pickle.dumps(part)).read()]


def test_annotators_are_masks(tmp_path: Path) -> None:
    save(tmp_path, "12")
    save(tmp_path, "7", "train")
    dataset = bsds.read(str(tmp_path))
    assert (dataset.kind, len(dataset)) == ("BSDS500 val", 1)
    (sample,) = read_all(tmp_path)
    assert isinstance(sample, Sample)
    assert sample.name == "images/val/12.jpg"
    assert sample.groups == ("annotator 1", "annotator 2")
    assert sample.pixels().shape == (*HW, 3)
    for mask, expected in zip(sample.masks, drawn(3, 5)):
        np.testing.assert_array_equal(rle.decode(mask), expected > 0)


@pytest.mark.parametrize("below", ["", "data", "BSR/BSDS500/data"])
def test_it_may_lie_below(tmp_path: Path, below: str) -> None:
    save(tmp_path / below, "12")
    save(tmp_path / below, "3")
    (tmp_path / below / "images" / "val" / "Thumbs.db").write_bytes(b"")
    names = [one.name for one in read_all(tmp_path)]
    before = f"{below}/" if below else ""
    assert names == [f"{before}images/val/12.jpg", f"{before}images/val/3.jpg"]


def test_an_annotator_may_have_drawn_nothing(tmp_path: Path) -> None:
    save_image(tmp_path / "images/val/1.jpg")
    save_truth(tmp_path / "groundTruth/val/1.mat", [*drawn(3), np.zeros(HW, np.uint8)])
    (sample,) = read_all(tmp_path)
    assert isinstance(sample, Sample)
    assert [rle.area(mask) for mask in sample.masks] == [20, 0]


def test_what_is_broken_is_named(tmp_path: Path) -> None:
    images, truth = tmp_path / "images" / "val", tmp_path / "groundTruth" / "val"
    for name in "abcdefgh":
        save(tmp_path, name)
    (truth / "a.mat").unlink()
    (images / "b.jpg").unlink()
    (truth / "c.mat").write_bytes((truth / "c.mat").read_bytes()[:300])
    (images / "d.jpg").write_bytes(b"no picture")
    save_truth(truth / "e.mat", drawn(3, hw=(20, 12)))
    savemat(truth / "f.mat", {"other": np.zeros(3)})
    save_truth(truth / "g.mat", [])
    found = {one.name[-5:]: one for one in read_all(tmp_path)}
    assert isinstance(found.pop("h.jpg"), Sample)
    reasons = {name: one.reason for name, one in found.items() if isinstance(one, Unread)}
    assert len(reasons) == 7
    assert reasons["a.jpg"] == "has no boundaries in groundTruth"
    assert reasons["b.jpg"] == "is not there, but groundTruth/val/b.mat is"
    assert "c.mat holds no boundaries" in reasons["c.jpg"]
    assert "not an image" in reasons["d.jpg"]
    assert reasons["e.jpg"] == "is 20×12 (width×height), but has masks of 12×20"
    assert "f.mat holds no boundaries" in reasons["f.jpg"]
    assert "g.mat holds no boundaries" in reasons["g.jpg"]


def test_another_layout_is_refused(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "val" / "1.jpg")
    with pytest.raises(DatasetError, match=r"groundTruth/val/NAME\.mat"):
        bsds.read(str(tmp_path))
    save(tmp_path, "1")
    with pytest.raises(DatasetError, match="no split 'test'"):
        bsds.read(str(tmp_path), "test")
    with pytest.raises(DatasetError, match="no file or folder"):
        bsds.read(str(tmp_path / "nowhere"))


def test_any_bytes_are_no_boundaries() -> None:
    for content in (b"", b"x" * 500, bytes(1000)):
        with pytest.raises(ImageError, match=r"one\.mat holds no boundaries"):
            bsds.boundaries_of(content, "one.mat")


def test_scipy_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, Any] = sys.modules
    monkeypatch.setitem(modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match="evaluate"):
        bsds.read(str(tmp_path))


@pytest.mark.data
def test_the_real_dataset_can_be_read(data_folder: Path) -> None:
    if not (data_folder / "bsds500").exists():
        pytest.skip("BSDS500 is not here")
    dataset = bsds.read(str(data_folder / "bsds500"))
    assert len(dataset) == 100
    for part in dataset.parts[::25]:
        (sample,) = part.read()
        assert isinstance(sample, Sample)
        assert len(sample.masks) >= 4
        assert sorted(sample.masks[0]["size"]) == [321, 481]
