"""SBD: the Semantic Boundaries Dataset, instances of VOC's classes (Hariharan et al., 2011).

``img/2008_000002.jpg`` and ``inst/2008_000002.mat``, whose ``GTinst.Segmentation`` has a value for
each instance and ``GTinst.Categories`` its class, from 1 to 20.

Shape legend: H W pixels.
"""

from __future__ import annotations

import re

import numpy as np

from anymask.datasets import pairs
from anymask.datasets.label_maps import (
    Object,
    label_map_of_array,
    label_masks,
    matlab_reader,
    read_matlab,
)
from anymask.datasets.listing import Listing
from anymask.datasets.sample import VOID_GROUP, Dataset
from anymask.errors import ImageError

VOID = 255


def read(files: Listing) -> Dataset | None:
    """All images, their instances grouped by the number of the class; None if it is not SBD.

    Raises ``MissingExtraError`` without scipy.
    """
    dataset = pairs.read(files, LAYOUT)
    if dataset:
        matlab_reader()  # or each image would say that it is missing
    return dataset


def objects_of(content: bytes, name: str) -> list[Object]:
    """The instances of a MATLAB file and the numbers of their classes. Raises ``ImageError``."""
    try:
        truth = read_matlab(content, name)["GTinst"][0, 0]
        segmentation, categories = truth["Segmentation"], np.ravel(truth["Categories"])
    except (KeyError, IndexError, TypeError, ValueError):
        raise ImageError(f"{name} has no GTinst with a Segmentation and Categories") from None
    masks = dict(label_masks(label_map_of_array(segmentation, name)))
    if any(value > len(categories) and value != VOID for value in masks):
        raise ImageError(f"{name} has more instances than categories")
    if all(value == VOID for value in masks):
        return []
    return [
        (mask, VOID_GROUP if value == VOID else str(categories[value - 1]))
        for value, mask in masks.items()
    ]


LAYOUT = pairs.Layout(
    kind="SBD instances",
    image=re.compile(r"(.*/)?img/([^/]+)\.jpg"),
    truth=re.compile(r"(.*/)?inst/([^/]+)\.mat"),
    objects_of=objects_of,
)
