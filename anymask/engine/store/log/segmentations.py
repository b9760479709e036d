"""Segmentations: proved and measured by the store, whoever sent them.

Nothing is decoded to pixels: the cost is that of the runs, however large the image.
"""

from __future__ import annotations

import math
from dataclasses import replace

from anymask.core import rle
from anymask.engine.store.checks import checked_id, checked_text
from anymask.engine.store.values import Version
from anymask.errors import Error, StoreError, clipped

LONGEST_GROUP, LONGEST_SOURCE = 200, 40
ORDERS = range(-(1 << 31), 1 << 31)


def measured(version: Version, hw: tuple[int, int]) -> Version:
    """The version with the box and area that its pixels have, its run lengths written canonically.

    hw: the image's. Raises ``StoreError`` for a segmentation of another size, a damaged or an empty
    one, and for words and numbers that a version can't have.
    """
    checked_id(version.id, "a version")
    _check_words(version)
    size = version.segmentation.get("size")
    if list(size or ()) != [*hw]:
        raise StoreError(
            "invalid",
            f"the segmentation of {version.id} is of size {clipped(size)}, and the image [height, "
            f"width] is {[*hw]}",
        )
    try:
        mask = _canonical(version.segmentation, hw)
        area, box = rle.area(mask), rle.bbox_xywh(mask)
    except Error as error:
        raise StoreError("invalid", f"the segmentation of {version.id} is {error}") from None
    if area == 0:
        raise StoreError(
            "invalid",
            f"the segmentation of {version.id} is empty; a mask without pixels is deleted",
        )
    x, y, width, height = (int(side) for side in box)
    return replace(version, segmentation=mask, bbox=(x, y, width, height), area=area)


def _canonical(mask: rle.RLE, hw: tuple[int, int]) -> rle.RLE:
    """The same pixels as our encoder writes them: some write runs of no length in between."""
    return rle.from_counts(rle.runs(mask), hw)


def _check_words(version: Version) -> None:
    if version.group is not None:
        checked_text(version.group, "a group", LONGEST_GROUP)
    if version.source:
        checked_text(version.source, "a source", LONGEST_SOURCE)
    if version.order not in ORDERS:
        raise StoreError("invalid", f"the order {version.order} is out of range")
    for name in ("predicted_iou", "stability_score"):
        score = getattr(version, name)
        if score is not None and not math.isfinite(score):
            raise StoreError("invalid", f"a {name} is a number or nothing")
