"""COCO files of pages, as ``anymask masks --page all --format coco`` writes them, read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from anymask.core import rle
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from tests.datasets.pictures import HW, boxes, read_whole


def stack(path: Path, count: int = 3) -> None:
    """Pages of which each is as bright as its number says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = np.stack([np.full((*HW, 3), 40 * (number + 1), np.uint8) for number in range(count)])
    tifffile.imwrite(path, pages, photometric="rgb")


def coco(path: Path, *names: str, sizes: bool = True) -> None:
    """A file with as many objects in each image as its place says."""
    mask = rle.encode(boxes(1) == 1)
    sides = {"height": HW[0], "width": HW[1]} if sizes else {}
    images: list[dict[str, Any]] = [
        {"id": number, "file_name": name, **sides} for number, name in enumerate(names, 1)
    ]
    annotations = [
        {"id": 10 * number + which, "image_id": number, "category_id": 1, "segmentation": mask,
         "area": 20, "bbox": [0, 2, 5, 4], "iscrowd": 0, "score": which / 10}
        for number in range(1, len(names) + 1)
        for which in range(number)
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = [{"id": 1, "name": "object"}]
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )


PAGES = tuple(f"scan-p{number:04}.tif" for number in (1, 2, 3))


@pytest.mark.parametrize("sizes", [True, False])
@pytest.mark.parametrize("place", ["images", "beside", "option", "option, a file"])
def test_every_page_has_its_objects(tmp_path: Path, place: str, sizes: bool) -> None:
    folder = {"images": "data/images", "beside": "data"}.get(place, "scans")
    stack(tmp_path / folder / "scan.tif")
    coco(tmp_path / "data" / "instances.json", *PAGES, sizes=sizes)
    named = {"option": "scans", "option, a file": "scans/scan.tif"}.get(place)
    for data in ("data", "data/instances.json"):
        samples = read_whole(
            open_dataset(str(tmp_path / data), images=str(tmp_path / named) if named else None)
        )
        assert [Path(one.name).name for one in samples] == list(PAGES)
        for number, sample in enumerate(samples, 1):
            assert isinstance(sample, Sample)
            assert len({mask["counts"] for mask in sample.masks}) <= len(sample.masks) <= number
            assert set(np.unique(sample.pixels())) == {40 * number}


def test_a_page_in_a_folder_and_an_image_beside_it(tmp_path: Path) -> None:
    stack(tmp_path / "images" / "x" / "scan.tif")
    stack(tmp_path / "images" / "y" / "scan.tif")
    stack(tmp_path / "images" / "one.tif", 1)
    names = ("x/scan-p0002.tif", "y/scan-p0003.tif", "one.tif")
    coco(tmp_path / "instances.json", *names)
    samples = [one for one in read_whole(open_dataset(str(tmp_path))) if isinstance(one, Sample)]
    shown = {one.name: int(one.pixels().max()) for one in samples}
    assert shown == {f"images/{name}": value for name, value in zip(names, (80, 120, 40))}


def test_a_file_of_a_page_s_name_is_itself_and_a_page_that_is_not_there_is_named(
    tmp_path: Path,
) -> None:
    stack(tmp_path / "images" / "scan.tif", 2)
    stack(tmp_path / "images" / "scan-p0001.tif", 1)
    coco(tmp_path / "instances.json", *PAGES)
    samples = read_whole(open_dataset(str(tmp_path)))
    pages = [one.options.page for one in samples if isinstance(one, Sample)]
    assert pages == [None, 2, 3]
    third = next(one for one in samples if isinstance(one, Sample) and one.options.page == 3)
    with pytest.raises(Exception, match="has 2 pages; there is no page 3"):
        third.pixels()
    assert not [one for one in samples if type(one) is Unread]
