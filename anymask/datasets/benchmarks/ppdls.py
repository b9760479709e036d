"""PPDLS: young plants from above, with a picture of their leaves (plant-phenotyping.org).

``plant001_rgb.png`` and, beside it, ``plant001_label.png``, in which each value or colour but
black is a leaf. Of the release, the folders below ``Plant`` are so; its trays have no leaves.
"""

from __future__ import annotations

import re

from anymask.datasets import pairs
from anymask.datasets.listing import Listing
from anymask.datasets.mask_pictures import instances_of
from anymask.datasets.sample import Dataset

LAYOUT = pairs.Layout(
    kind="PPDLS leaves",
    image=re.compile(r"(.+)_rgb\.png"),
    truth=re.compile(r"(.+)_label\.png"),
    objects_of=instances_of,
)


def read(files: Listing) -> Dataset | None:
    """All plants; None if there are none."""
    return pairs.read(files, LAYOUT)
