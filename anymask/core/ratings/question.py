"""Question: a click on an object, and the masks that were answered to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anymask.core.rle import RLE


@dataclass(frozen=True, eq=False)
class Question:
    """What several models were asked.

    data: the data set's name. image, mask: the image's name in it, and the number of the object.
    point: x and y of the click, in pixels. truth: (H, W). answers: (H, W) masks by the model's id.
    """

    data: str
    image: str
    mask: int
    point: tuple[int, int]
    truth: RLE
    answers: Mapping[str, RLE]
