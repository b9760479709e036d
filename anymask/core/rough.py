"""Rough masks as prompts: a scribbled shape, an old annotation, a coarser model's answer.

SAM was trained to see a mask only together with points or a box, and only as logits of its own.
A binary mask alone is answered badly (mean IoU 0.36 at best in benchmarks/rough_masks.py, against
0.62 of the rough masks themselves and 0.74 for what is done here): so a rough mask also brings its
box and its deepest point, and becomes logits of moderate size with a soft border.

Shape legend: P prompts, H W pixels, h w low-resolution grid.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats, ResizeMap, deepest_point, interior_distance, mask_boxes
from anymask.core.prompts import Prompts
from anymask.errors import PromptError

CELL_PX = 4  # pixels of the model's input to a cell of its mask logits
CERTAINTY = 5.0  # the logit well inside a rough mask, minus it outside
BORDER_CELLS = 2.0  # standard deviation of the border's softness, in low-resolution cells
STROKE_LENGTHS = 6.0  # as many times as long as it is broad, a mark looks like a stroke
FAR_SMALLER = 1 / 3  # of the answer's area: a mark of less is none of nearly the object's extent


def rough_prompts(
    masks: npt.NDArray[np.bool_],
    resize_map: ResizeMap,
    given: Prompts | None = None,
) -> Prompts:
    """P prompts from rough (P, H, W) masks of the image: logits, box and deepest point of each.

    resize_map: how the image gets into the model's square, as its embedding has it.
    given: points or boxes that somebody chose for these P prompts; they replace box and point.
    Raises ``PromptError`` for an empty mask, and for masks of another size than the image.
    """
    if masks.ndim != 3 or len(masks) == 0:
        raise PromptError(f"rough masks must be (P, H, W), at least one, not {masks.shape}")
    empty = ~masks.any(axis=(1, 2))
    if empty.any():
        raise PromptError(f"rough mask {int(empty.argmax())} is empty")
    if given is None:
        points = [[deepest_point(mask)] for mask in masks]
        given = Prompts.of_boxes(mask_boxes(masks)).with_points(points)
    return given.with_masks(np.stack([mask_logits(mask, resize_map) for mask in masks]))


def doubt_about(mark: npt.NDArray[np.bool_], answer: npt.NDArray[np.bool_]) -> str | None:
    """Why a mark (H, W) was perhaps no rough mask of the object that was answered; None: it was.

    It says so of a mark that is as thin as a stroke, and of one far smaller than its own answer.
    """
    area, answer_area = int(mark.sum()), int(answer.sum())
    depth, _ = interior_distance(mark)
    breadth_px = 2 * float(depth.max(initial=0.5))
    length_px = area / breadth_px
    if length_px >= STROKE_LENGTHS * breadth_px:
        return f"is as thin as a stroke, {breadth_px:.0f} pixels broad and {length_px:.0f} long"
    if area < FAR_SMALLER * answer_area:
        return f"is far smaller than the answer, {area} pixels against {answer_area}"
    return None


def mask_logits(mask: npt.NDArray[np.bool_], resize_map: ResizeMap) -> Floats:
    """A binary (H, W) mask as low-resolution logits (h, w) over the model's square input.

    Raises ``PromptError`` for a mask of another size than the image.
    """
    if mask.shape != resize_map.image_hw:
        raise PromptError(
            f"a rough mask of {mask.shape} (H, W) is none of an image of {resize_map.image_hw}"
        )
    input_px, (height, width) = resize_map.input_px, resize_map.content_hw
    mask_side = input_px // CELL_PX
    content = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    square = np.zeros((input_px, input_px), np.float32)
    square[:height, :width] = content
    small = cv2.resize(square, (mask_side, mask_side), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), BORDER_CELLS)
    return np.asarray(CERTAINTY * (2 * soft - 1), np.float32)
