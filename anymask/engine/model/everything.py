"""Everything: what the model finds in an image, or in a box of it, to be accepted or not.

Shape legend: H W pixels.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace

from anymask.core import rle
from anymask.core.image import RGB
from anymask.core.mask_runs import MaskRuns
from anymask.engine.model.model import Model
from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.errors import PromptError
from anymask.predict.automatic import CandidateSource, segment_everything, suggested

Box = tuple[float, float, float, float]
MARGIN = 0.15  # of the box's sides: what it cuts is seen whole
EDGE_PX = 2  # a mask so near to the cut was cut by it
TURN = threading.Lock()  # it takes seconds of all processors


def everything(model: Model, pixels: RGB, box: Box | None = None) -> list[Suggestion]:
    """Masks of what is in (H, W, 3) pixels, or of what has its middle in an XYXY box, surest first.

    Raises ``PromptError`` for a box that is none of the image, ``Error``.
    """
    height, width = pixels.shape[:2]
    cut = (0, 0, width, height) if box is None else _around(box, width, height)
    left, top, right, bottom = cut
    with TURN:
        sam = model.load()
        config = replace(suggested(sam), fast=isinstance(sam, CandidateSource))
        part = pixels[top:bottom, left:right]
        found = []
        for annotation in segment_everything(sam, part, config):
            runs = MaskRuns.of_mask(rle.decode(annotation["segmentation"]))
            whole = runs.within(left, top, (height, width)).to_rle()
            found.append(suggestion(whole, annotation["predicted_iou"]))
    kept = [one for one in found if one is not None and _is_wanted(one, box, cut, width, height)]
    return sorted(kept, key=lambda one: -one.predicted_iou)


def _around(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The pixels to look at for a box."""
    left, top, right, bottom = box
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise PromptError(f"the box {box} is none of an image {width}×{height}")
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    return (
        max(0, math.floor(left - across)),
        max(0, math.floor(top - down)),
        min(width, math.ceil(right + across)),
        min(height, math.ceil(bottom + down)),
    )


def _is_wanted(
    found: Suggestion, box: Box | None, cut: tuple[int, int, int, int], width: int, height: int
) -> bool:
    """Whether a mask has its middle in the box, and was not cut off at its margin."""
    if box is None:
        return True
    x, y, w, h = found.bbox
    left, top, right, bottom = box
    is_in_box = left <= x + w / 2 <= right and top <= y + h / 2 <= bottom
    ends = (x, y, x + w, y + h)
    image = (0, 0, width, height)
    is_cut = any(
        abs(end - edge) <= EDGE_PX and edge != border for end, edge, border in zip(ends, cut, image)
    )
    return is_in_box and not is_cut
