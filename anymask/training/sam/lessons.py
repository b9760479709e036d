"""Lessons: scenes whose objects are what a teacher was asked about, drawn by people or not.

Shape legend: P objects, N clicks, K masks of a click, h w low-resolution grid.
"""

from __future__ import annotations

import numpy as np

from anymask.core import rle
from anymask.core.geometry import Floats, ResizeMap, mask_boxes
from anymask.core.interaction import Mask, Script
from anymask.datasets.sample import Sample
from anymask.errors import ImageError
from anymask.training.frozen.answers import GRID, Answered
from anymask.training.sam.interactive import Objects
from anymask.training.sam.scenes import Framing, Scene, flipped
from anymask.training.sam.taught import Taught
from anymask.training.sam.views import View, whole_view

CERTAIN = 127  # of 255, above which a cell is the teacher's


def lesson(framing: Framing, sample: Sample, answered: Answered, rng: np.random.Generator) -> Scene:
    """Some of the clicks on an image, at most as many as the framing takes masks.

    The object of a click in a true mask is that mask; of any other, the mask that the teacher is
    surest of. Raises ``ImageError`` if there is none that can be seen.
    """
    view = whole_view(answered.image_hw, framing.input_px)
    rows, seen = [], []
    for click in rng.permutation(len(answered)):
        truth = _object(answered, int(click), sample, view, framing)
        share = truth.mean() * framing.input_px**2 / np.prod(view.resized_hw)
        if 0 < share <= framing.max_mask_fraction:
            rows.append(click)
            seen.append(truth)
        if len(rows) == framing.masks_per_image:
            break
    if not rows:
        raise ImageError(f"{sample.name} has no mask that is large enough to be seen")
    number = answered.mask_number[rows]
    taught = Taught(
        ResizeMap(answered.image_hw, framing.input_px).to_input(answered.points_xy[rows]),
        answered.certainty[rows],
        answered.predicted_iou[rows],
        number != GRID,
    )
    objects = Objects(
        np.stack(seen),
        _boxes(np.stack(seen), number, sample, view, framing),
        np.zeros(len(rows), np.int64),
        Script.draw(rng, len(rows), framing.habits),
        taught=taught,
    )
    if framing.flip and rng.random() < framing.flip:
        return Scene(sample, None, flipped(objects, framing.input_px), number, is_flipped=True)
    return Scene(sample, None, objects, number)


def _object(answered: Answered, click: int, sample: Sample, view: View, framing: Framing) -> Mask:
    """What a click means, (h, w)."""
    number = int(answered.mask_number[click])
    if number != GRID:
        return view.mask(rle.decode(sample.masks[number]).astype(bool), framing.mask_side)
    surest = int(answered.predicted_iou[click].argmax())
    return np.asarray(answered.certainty[click, surest] > CERTAIN)


def _boxes(
    truth: Mask, numbers: np.ndarray, sample: Sample, view: View, framing: Framing
) -> Floats:
    """The tight boxes of the objects in pixels of the input, of true masks as exact as they are."""
    boxes = mask_boxes(truth) * np.float32(framing.input_px / framing.mask_side)
    for row, number in enumerate(numbers):
        if number != GRID:
            boxes[row] = view.box(rle.decode(sample.masks[number]).astype(bool))
    return boxes
