"""What words find in an image: masks, named, and why there are none where there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.geometry import Floats


@dataclass(frozen=True, eq=False)
class WordsAnswer:
    """masks: N of an image, in the order of the words, the likest first.

    Each mask's ``label`` is the name that it was found by, its scores the chance, 0 to 1, that it
    is such a thing. likeness: (N,) as the encoder compares, for one name the order. reasons: for
    each thing that was not found, or not as often as was asked, why, in a line for people; "" is
    never among them. answered_by: the models that answered, for people.
    """

    masks: Annotations
    likeness: Floats
    reasons: tuple[str, ...]
    answered_by: str

    def to_bool(self) -> npt.NDArray[np.bool_]:
        """(N, H, W)."""
        pixels = [rle.decode(one["segmentation"]) for one in self.masks]
        return np.array(pixels, bool).reshape(-1, *self.masks.image_hw)


def annotation(mask: rle.RLE, predicted_iou: float = 1.0, stability: float = 1.0) -> Annotation:
    """A mask of an image as SA-1B has it."""
    height, width = mask["size"]
    return Annotation(
        id=0,
        segmentation=mask,
        bbox=rle.bbox_xywh(mask),
        area=rle.area(mask),
        predicted_iou=predicted_iou,
        stability_score=stability,
        crop_box=[0.0, 0.0, float(width), float(height)],
        point_coords=[],
    )
