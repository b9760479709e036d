"""Mask folders: what the official script writes, to the letter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from anymask.core import rle
from anymask.core.annotations import Annotation, ImageRecord, Record
from anymask.datasets import mask_folder


def annotation(mask: np.ndarray[tuple[int, int], np.dtype[np.bool_]], number: int) -> Annotation:
    encoded = rle.encode(mask)
    return Annotation(
        id=number,
        segmentation=encoded,
        bbox=rle.bbox_xywh(encoded),
        area=rle.area(encoded),
        predicted_iou=0.875,
        stability_score=0.5,
        crop_box=[0.0, 0.0, 8.0, 6.0],
        point_coords=[[2.25, 3.0]],
    )


def test_a_folder_has_pictures_and_a_table(tmp_path: Path) -> None:
    masks = np.zeros((2, 6, 8), bool)
    masks[0, 1:4, 2:7] = masks[1, 5, 7] = True
    image = ImageRecord(image_id=1, file_name="1.jpg", width=8, height=6)
    record = Record(image=image, annotations=[annotation(m, n) for n, m in enumerate(masks)])
    mask_folder.write(record, tmp_path / "1")
    assert {path.name for path in (tmp_path / "1").iterdir()} == {"0.png", "1.png", "metadata.csv"}
    for number, mask in enumerate(masks):
        picture = Image.open(tmp_path / "1" / f"{number}.png")
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), mask * np.uint8(255))
    # The official boxes count from the first to the last pixel.
    assert (tmp_path / "1" / "metadata.csv").read_text() == (
        "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,"
        "stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h\n"
        "0,15,2,1,4,2,2.25,3.0,0.875,0.5,0,0,8,6\n"
        "1,1,7,5,0,0,2.25,3.0,0.875,0.5,0,0,8,6"
    )


def test_an_image_without_masks_has_a_table_without_rows(tmp_path: Path) -> None:
    image = ImageRecord(image_id=1, file_name="1.jpg", width=8, height=6)
    mask_folder.write(Record(image=image, annotations=[]), tmp_path / "1")
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["metadata.csv"]
    assert (tmp_path / "1" / "metadata.csv").read_text() == mask_folder.HEADER
