"""Mask folder: a record as a PNG for each mask and ``metadata.csv``, as the official ``amg.py``.

Shape legend: H W pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from anymask.core import rle
from anymask.core.mask_files.sa1b import Annotation, Record, bbox_to_last_pixel

HEADER = (
    "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,"
    "stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h"
)


def write(record: Record, folder: Path) -> None:
    """Write a record as a new folder of ``0.png``, ``1.png``, … and ``metadata.csv``.

    The pictures are (H, W), 255 for the object and 0 for the rest.

    Raises what the disk raises.
    """
    folder.mkdir()
    for number, annotation in enumerate(record["annotations"]):
        mask = rle.decode(annotation["segmentation"]).astype(np.uint8) * np.uint8(255)
        Image.fromarray(mask).save(folder / f"{number}.png")
    rows = [_row(number, annotation) for number, annotation in enumerate(record["annotations"])]
    (folder / "metadata.csv").write_text("\n".join([HEADER, *rows]))


def _row(number: int, annotation: Annotation) -> str:
    values = [
        number,
        annotation["area"],
        *(int(value) for value in bbox_to_last_pixel(annotation["bbox"])),
        *annotation["point_coords"][0],
        annotation["predicted_iou"],
        annotation["stability_score"],
        *(int(value) for value in annotation["crop_box"]),
    ]
    return ",".join(str(value) for value in values)
