"""Cityscapes: instances and their classes, and what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from anymask.datasets.benchmarks import cityscapes
from anymask.datasets.listing import list_files
from anymask.datasets.photographs import Unread
from tests.datasets.pictures import Pixels, boxes, number_of, read_whole, save


def street(folder: Path, name: str, *values: int) -> None:
    """An image, and its truth if it has values."""
    save(folder / "leftImg8bit" / f"{name}_leftImg8bit.png")
    if values:
        truth: Pixels = boxes(*values, dtype=np.uint16)
        save(folder / "gtFine" / f"{name}_gtFine_instanceIds.png", truth)
        save(folder / "gtFine" / f"{name}_gtFine_color.png", boxes((9, 9, 9)))


def test_instances_and_no_regions_of_classes_or_groups(tmp_path: Path) -> None:
    street(tmp_path, "val/ulm/ulm_000000_000019", 24000, 26, 26001, 7, 64000)
    street(tmp_path, "train/bonn/bonn_000000_000019", 26, 7)
    street(tmp_path, "train_extra/jena/jena_000000_000019")
    dataset = cityscapes.read(list_files(str(tmp_path)))
    assert dataset
    assert dataset.kind == "Cityscapes instances"
    bonn, jena, ulm = read_whole(dataset)
    assert ulm.name == "leftImg8bit/val/ulm/ulm_000000_000019_leftImg8bit.png"
    assert number_of(ulm) == {0: "person", 2: "car", 4: "64"}
    assert isinstance(bonn, Unread)
    assert bonn.reason == "has no object in its mask"
    assert isinstance(jena, Unread)
    assert jena.reason == "has no picture of its masks"


def test_a_split_by_a_glob(tmp_path: Path) -> None:
    street(tmp_path, "val/ulm/a", 24000)
    street(tmp_path, "train/bonn/b", 24000)
    samples = read_whole(cityscapes.read(list_files(f"{tmp_path}/*/val")))
    assert [one.name for one in samples] == ["leftImg8bit/val/ulm/a_leftImg8bit.png"]


def test_streets_alone_are_no_cityscapes(tmp_path: Path) -> None:
    street(tmp_path, "test/berlin/a")
    assert cityscapes.read(list_files(str(tmp_path))) is None
