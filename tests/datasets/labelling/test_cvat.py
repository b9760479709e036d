"""CVAT for images: masks, outlines, and what is neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.errors import DatasetError

SHAPES = """
    <mask label="cat" source="manual" occluded="0" rle="1, 2, 3" left="2" top="1" width="3"
      height="2" z_order="0"></mask>
    <polygon label="dog" points="4.00,4.00;9.00,4.00;9.00,7.00;4.00,7.00"></polygon>
    <ellipse label="dog" cx="14" cy="4" rx="2" ry="2"></ellipse>
    <box label="dog" xtl="1" ytl="1" xbr="3" ybr="3"></box>
    <tag label="night"></tag>
"""


def folder_of(
    tmp_path: Path, shapes: str, head: str = "", size: str = 'width="20" height="10"'
) -> Path:
    """A folder of one image and its annotations."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (20, 10)).save(tmp_path / "images" / "a.png")
    (tmp_path / "annotations.xml").write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{head}'
        f'<image id="0" name="a.png" {size}>{shapes}</image></annotations>'
    )
    return tmp_path


def read(location: Path, images: Path | None = None) -> list[Sample | Unread]:
    """All that reading gives."""
    dataset = open_dataset(location, images=images)
    assert dataset.kind == "CVAT for images"
    return [one for part in dataset.parts for one in part.samples()]


def test_masks_are_runs_of_rows_in_their_box_and_outlines_are_filled(tmp_path: Path) -> None:
    sample, left_out = read(folder_of(tmp_path, SHAPES))
    assert isinstance(sample, Sample)
    assert (sample.name, sample.groups) == ("images/a.png", ("cat", "dog", "dog"))
    mask, polygon, ellipse = map(rle.decode, sample.masks)
    assert np.argwhere(mask).tolist() == [[1, 3], [1, 4]]
    assert np.argwhere(polygon).min(axis=0).tolist() == [4, 4]
    assert polygon.sum() == 15
    assert ellipse.sum() == 12
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "shape 3 (dog): a box has no mask"


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<mask rle="1,2" left="0" top="0" width="3" height="2"/>', "do not fill its box, 3×2"),
        ('<mask rle="1,x" left="0" top="0" width="3" height="2"/>', "its run lengths are '1,x'"),
        ('<mask rle="0,6" left="0" width="3" height="2"/>', "its box is"),
        ('<mask rle="-1,7" left="0" top="0" width="3" height="2"/>', "its run lengths are"),
        ('<mask rle="0,1" left="0" top="0" width="99999" height="99999"/>', "its box is"),
        ('<mask rle="0,6" left="30" top="0" width="3" height="2"/>', "it has no pixel"),
        ('<polygon points="1,1;2,2"/>', "fewer than 3 points"),
        ('<polygon points="a"/>', "its points are"),
        ('<polyline points="1,1;2,2;1,2"/>', "a line has no area"),
        ('<ellipse cx="1" cy="1" rx="0" ry="1"/>', "an ellipse without a radius has no area"),
        ("<brush/>", "shapes of the type 'brush' are not known"),
    ],
)
def test_a_bad_shape_loses_itself(tmp_path: Path, shape: str, reason: str) -> None:
    good = '<mask rle="0, 6" left="0" top="0" width="3" height="2"/>'
    sample, left_out = read(folder_of(tmp_path, good + shape))
    assert isinstance(sample, Sample)
    assert sample.groups == (None,)
    assert isinstance(left_out, LeftOut)
    assert reason in left_out.reason
    assert left_out.reason.startswith("shape 1: ")


def test_the_size_is_the_images_where_the_file_has_none(tmp_path: Path) -> None:
    sample = read(folder_of(tmp_path, SHAPES, size=""))[0]
    assert isinstance(sample, Sample)
    assert sample.masks[0]["size"] == [10, 20]


def test_tracks_are_named_and_so_are_images_that_are_not_there(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, SHAPES, '<track id="0" label="a"><polygon/></track>')
    more = '<image id="1" name="gone.png" width="4" height="4"/></annotations>'
    file = folder / "annotations.xml"
    file.write_text(file.read_text().replace("</annotations>", more))
    dataset = open_dataset(folder)
    assert [note.reason for note in dataset.notes] == ["has tracks of a video, which are not read"]
    assert "gone.png" in [part.name for part in dataset.parts]


def test_the_file_alone_and_images_elsewhere(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, SHAPES)
    assert isinstance(read(folder / "annotations.xml")[0], Sample)
    (folder / "images").rename(tmp_path / "photos")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "annotations.xml").rename(elsewhere / "annotations.xml")
    assert isinstance(read(elsewhere, images=tmp_path / "photos")[0], Sample)
    with pytest.raises(DatasetError, match="--images"):
        read(elsewhere)


def test_xml_that_is_none_and_bombs_of_entities_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, SHAPES)
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol" * 99}">' for n in range(9))
    (folder / "bomb.xml").write_text(
        f"<!DOCTYPE x [{bomb}]><annotations><image name='&e8;'/></annotations>"
    )
    (folder / "cut.xml").write_text("<annotations><image")
    unread = [one for one in read(folder) if type(one) is Unread]
    assert [one.name for one in unread] == ["bomb.xml", "cut.xml"]
    assert all("is no XML" in one.reason for one in unread)
