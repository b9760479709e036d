"""GrabCut: trimaps, and their images wherever they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.datasets.benchmarks import grabcut
from anymask.datasets.benchmarks.grabcut import objects_of
from anymask.datasets.listing import list_files
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.errors import DatasetError, ImageError
from tests.datasets.pictures import as_file, blank, boxes, number_of, read_whole, save


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_the_object_and_the_unknown_band(mode: str, form: str) -> None:
    trimap = Image.fromarray(boxes(255, 128, 64)).convert(mode)
    (inside, group), (unknown, void) = objects_of(as_file(trimap, form), "t.png")
    np.testing.assert_array_equal(rle.decode(inside), boxes(1) == 1)
    np.testing.assert_array_equal(rle.decode(unknown), boxes(0, 1) == 1)
    assert (group, void) == (None, VOID_GROUP)


def test_trimaps_without_band_and_without_object() -> None:
    ((_, group),) = objects_of(as_file(boxes(255)), "t.png")
    assert group is None
    assert objects_of(as_file(boxes(128)), "t.png") == []
    assert objects_of(as_file(blank()), "t.png") == []
    with pytest.raises(ImageError, match=r"t\.png is empty"):
        objects_of(b"", "t.png")


def test_as_it_is_published(tmp_path: Path) -> None:
    for name in ("a.bmp", "b.jpg", "unasked.jpg"):
        save(tmp_path / "data_GT" / name)
    save(tmp_path / "boundary_GT" / "a.bmp", boxes(255, 128))
    save(tmp_path / "boundary_GT" / "b.bmp", boxes(128))
    save(tmp_path / "boundary_GT" / "c.bmp", boxes(255))
    save(tmp_path / "boundary_GT_lasso" / "a.bmp", boxes(64))
    dataset = grabcut.read(list_files(str(tmp_path)))
    assert dataset
    assert dataset.kind == "GrabCut trimaps"
    c, a, b = read_whole(dataset)
    assert a.name == "data_GT/a.bmp"
    assert number_of(a) == {0: None, 1: "void"}
    assert b == Unread("data_GT/b.jpg", "has no object in its mask")
    assert c == Unread("boundary_GT/c.bmp", "has no image of its name")


def test_images_that_lie_elsewhere(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        save(tmp_path / "trimaps" / "ground-truth" / f"{name}.png", boxes(255))
        save(tmp_path / "trimaps" / "scribbles" / f"{name}.png", boxes(1))
    save(tmp_path / "bsds" / "images" / "train" / "1.jpg")
    save(tmp_path / "bsds" / "images" / "val" / "2.jpg")
    save(tmp_path / "bsds" / "images" / "test" / "2.jpg")
    trimaps = list_files(str(tmp_path / "trimaps"))
    one, three, two = read_whole(grabcut.read(trimaps, list_files(str(tmp_path / "bsds"))))[::-1]
    assert one.name == "images/train/1.jpg"
    assert number_of(one) == {0: None}
    assert three == Unread("ground-truth/3.png", "has no image of its name")
    assert two == Unread(
        "ground-truth/2.png", "has several images of its name: images/test/2.jpg, images/val/2.jpg"
    )


def test_a_trimap_is_not_its_own_image(tmp_path: Path) -> None:
    save(tmp_path / "ground-truth" / "1.png", boxes(255))
    save(tmp_path / "photos" / "1.jpg")
    files = list_files(str(tmp_path))
    (sample,) = read_whole(grabcut.read(files, files))
    assert sample.name == "photos/1.jpg"


def test_two_trimaps_of_a_name(tmp_path: Path) -> None:
    for place in ("a", "b"):
        save(tmp_path / place / "ground-truth" / "1.png", boxes(255))
    save(tmp_path / "images" / "1.png")
    twice, sample = read_whole(grabcut.read(list_files(str(tmp_path))))
    assert isinstance(sample, Sample)
    assert twice == Unread("b/ground-truth/1.png", "has the name of another trimap")


def test_trimaps_without_any_image_ask_for_them(tmp_path: Path) -> None:
    save(tmp_path / "ground-truth" / "1.png", boxes(255))
    with pytest.raises(DatasetError, match=r"1 trimaps, but no images .* beside them; .*--images"):
        grabcut.read(list_files(str(tmp_path)))
    save(tmp_path / "other" / "2.png")
    with pytest.raises(DatasetError, match=r"no images of their names in .*other; "):
        grabcut.read(list_files(str(tmp_path)), list_files(str(tmp_path / "other")))
    assert grabcut.read(list_files(str(tmp_path / "other"))) is None


@pytest.mark.data
def test_real_trimaps(data_folder: Path) -> None:
    if not (data_folder / "grabcut20").is_dir() or not (data_folder / "bsds500").is_dir():
        pytest.skip("grabcut20 or bsds500 is not here")
    trimaps = list_files(str(data_folder / "grabcut20"))
    images = list_files(str(data_folder / "bsds500" / "images"))
    samples = read_whole(grabcut.read(trimaps, images))
    assert len(samples) == 20
    for one in samples:
        assert isinstance(one, Sample)
        assert one.groups in ((None,), (None, VOID_GROUP))
        assert one.pixels().shape[2] == 3
