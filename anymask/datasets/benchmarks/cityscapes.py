"""Cityscapes: streets, with a picture of instances each (cityscapes-dataset.com).

``leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png`` and, unpacked beside it,
``gtFine/SPLIT/CITY/NAME_gtFine_instanceIds.png``: of 16 bits, 1000 times the class plus a number.
What is below 1000 is a class without instances, or a group that nobody took apart. A single split
is had by a glob, ``cityscapes/*/val``.

Shape legend: H W pixels.
"""

from __future__ import annotations

import re

import numpy as np

from anymask.datasets import pairs
from anymask.datasets.label_maps import (
    Object,
    label_map_of_picture,
    label_masks,
    read_mask_picture,
)
from anymask.datasets.listing import Listing
from anymask.datasets.sample import Dataset

PER_CLASS = 1000
CLASSES = {
    24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus", 29: "caravan", 30: "trailer",
    31: "train", 32: "motorcycle", 33: "bicycle",
}  # fmt: skip


def read(files: Listing) -> Dataset | None:
    """The images of all splits, their instances grouped by class; None if it is not Cityscapes."""
    return pairs.read(files, LAYOUT)


def objects_of(content: bytes, name: str) -> list[Object]:
    """The instances of a picture and their classes. Raises ``ImageError``."""
    values = label_map_of_picture(read_mask_picture(content, name), name)
    return [
        (mask, CLASSES.get(value // PER_CLASS, str(value // PER_CLASS)))
        for value, mask in label_masks(np.where(values >= PER_CLASS, values, 0))
    ]


LAYOUT = pairs.Layout(
    kind="Cityscapes instances",
    image=re.compile(r"(.*/)?leftImg8bit/(.+)_leftImg8bit\.png"),
    truth=re.compile(r"(.*/)?gtFine/(.+)_gtFine_instanceIds\.png"),
    objects_of=objects_of,
)
