"""ADE20K: instances by blue, classes by red and green."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anymask.core import rle
from anymask.datasets.benchmarks import ade20k
from anymask.datasets.benchmarks.ade20k import objects_of
from anymask.datasets.listing import list_files
from anymask.datasets.photographs import Unread
from anymask.errors import ImageError
from tests.datasets.pictures import as_file, boxes, number_of, read_whole, save


def test_objects_and_the_numbers_of_their_classes(tmp_path: Path) -> None:
    scene = tmp_path / "images" / "ADE" / "validation" / "urban" / "street"
    save(scene / "ADE_val_00000001.jpg")
    # Two of class 976 (3 × 256 + 208), one of class 5, and pixels of a class but of no instance.
    seg = boxes((30, 208, 1), (30, 208, 255), (0, 5, 7), (10, 1, 0))
    save(scene / "ADE_val_00000001_seg.png", seg)
    save(scene / "ADE_val_00000001_parts_1.png", boxes((0, 9, 9)))
    save(scene / "ADE_val_00000001" / "instance_000_ADE_val_00000001.png", boxes(255))
    (scene / "ADE_val_00000001.json").write_text('{"annotation": {}}')
    save(scene / "ADE_val_00000002.jpg")
    dataset = ade20k.read(list_files(str(tmp_path)))
    assert dataset
    assert dataset.kind == "ADE20K objects"
    one, two = read_whole(dataset)
    assert one.name == "images/ADE/validation/urban/street/ADE_val_00000001.jpg"
    assert number_of(one) == {0: "976", 1: "976", 2: "5"}
    assert isinstance(two, Unread)
    assert two.reason == "has no picture of its masks"


def test_the_folder_of_a_scene_and_other_pictures_called_seg(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    save(tmp_path / "a_seg.png", boxes((0, 1, 1)))
    assert ade20k.read(list_files(str(tmp_path))) is None
    save(tmp_path / "ADE_train_1.jpg")
    save(tmp_path / "ADE_train_1_seg.png", boxes((0, 1, 1)))
    assert [one.name for one in read_whole(ade20k.read(list_files(str(tmp_path))))] == [
        "ADE_train_1.jpg"
    ]


@pytest.mark.parametrize("seed", range(3))
def test_masks_are_those_of_the_release_s_own_loader(seed: int) -> None:
    """Which decodes classes as (R / 10) × 256 + G and instances by B."""
    rng = np.random.default_rng(seed)
    tiles = rng.integers(0, 4, (4, 5))
    classes = rng.integers(0, 3000, 4)
    colours = np.stack([classes // 256 * 10, classes % 256, [0, 1, 2, 3]], axis=1)
    seg = np.repeat(np.repeat(colours[tiles], 6, axis=0), 4, axis=1).astype(np.uint8)
    found = {group: rle.decode(mask) for mask, group in objects_of(as_file(seg), "s.png")}
    red, green, _ = np.moveaxis(seg.astype(int), 2, 0)
    of_class = red // 10 * 256 + green
    for value in np.unique(seg[..., 2][seg[..., 2] > 0]):
        shown = seg[..., 2] == value
        np.testing.assert_array_equal(found[str(of_class[shown][0])], shown)


def test_a_grey_picture_tells_no_classes() -> None:
    with pytest.raises(ImageError, match=r"s\.png has no colours"):
        objects_of(as_file(boxes(1)), "s.png")
