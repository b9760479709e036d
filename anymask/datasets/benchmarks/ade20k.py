"""ADE20K: scenes, with a picture of all objects each, in the full release of 2016 or 2021.

``ADE_val_00000001.jpg`` and, beside it, ``ADE_val_00000001_seg.png``: its blue values number the
instances, and red (in steps of 10) and green their classes, as in the release's
``loadAde20K``. The parts of objects (``_parts_1.png``) are passed over.

Shape legend: H W pixels.
"""

from __future__ import annotations

import re

import numpy as np

from anymask.core.rasters.raster import Colour
from anymask.datasets import pairs
from anymask.datasets.label_maps import Object, label_masks, read_mask_picture
from anymask.datasets.listing import Listing
from anymask.datasets.sample import Dataset
from anymask.errors import ImageError

RED_STEP = 10
INSTANCE_BITS = 8


def read(files: Listing) -> Dataset | None:
    """All scenes, their objects grouped by the number of the class; None if it is not ADE20K."""
    return pairs.read(files, LAYOUT)


def objects_of(content: bytes, name: str) -> list[Object]:
    """The instances of a picture and the numbers of their classes. Raises ``ImageError``."""
    picture = read_mask_picture(content, name)
    if picture.colour != Colour.rgb:
        raise ImageError(f"{name} has no colours, which would tell classes and instances")
    red, green, blue = np.moveaxis(picture.colours(name)[..., :3].astype(np.int64), 2, 0)
    classes = red // RED_STEP * 256 + green
    labels = np.where(blue > 0, classes << INSTANCE_BITS | blue, 0)
    return [(mask, str(value >> INSTANCE_BITS)) for value, mask in label_masks(labels)]


LAYOUT = pairs.Layout(
    kind="ADE20K objects",
    image=re.compile(r"((?:.*/)?ADE_[^/]+)\.jpg"),
    truth=re.compile(r"((?:.*/)?ADE_[^/]+)_seg\.png"),
    objects_of=objects_of,
)
