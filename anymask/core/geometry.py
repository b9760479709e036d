"""Sizes, boxes and the map between an image and the model's square input.

Coordinates are XY pixels; a box is XYXY with its lower right corner outside, sizes are HW.

Shape legend: P prompts, N points, M masks, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.errors import Error

Floats = npt.NDArray[np.float32]
SAME_DISTANCE = np.float32(1 - 2.5e-7)  # two float32 apart


@dataclass(frozen=True)
class ResizeMap:
    """How an image gets into the model's square: longest side to ``input_px``, padded below right.

    The rounding is that of the official ``ResizeLongestSide``; a side never rounds to nothing.
    stretch: both sides to ``input_px`` instead, as SAM 2 wants it.
    """

    image_hw: tuple[int, int]
    input_px: int
    stretch: bool = False

    def __post_init__(self) -> None:
        if min(self.image_hw) < 1 or self.input_px < 1:
            raise Error(f"no map from an image of {self.image_hw} (H, W) to {self.input_px} pixels")

    @property
    def content_hw(self) -> tuple[int, int]:
        """Size of the resized image inside the square."""
        if self.stretch:
            return self.input_px, self.input_px
        scale = self.input_px / max(self.image_hw)
        h, w = (max(int(side * scale + 0.5), 1) for side in self.image_hw)
        return h, w

    def to_input(self, xy: npt.ArrayLike) -> Floats:
        """(..., 2) pixels of the image to pixels of the model's input."""
        return (np.asarray(xy, dtype=np.float64) * self._scale_xy()).astype(np.float32)

    def to_image(self, xy: npt.ArrayLike) -> Floats:
        """(..., 2) pixels of the model's input to pixels of the image."""
        return (np.asarray(xy, dtype=np.float64) / self._scale_xy()).astype(np.float32)

    def _scale_xy(self) -> npt.NDArray[np.float64]:
        (h, w), (new_h, new_w) = self.image_hw, self.content_hw
        return np.array([new_w / w, new_h / h])


def mask_boxes(masks: npt.NDArray[np.bool_]) -> Floats:
    """The tight XYXY box of each (..., H, W) mask: (..., 4); zeros for an empty mask."""
    columns, rows = np.asarray(masks.any(axis=-2)), np.asarray(masks.any(axis=-1))
    boxes = np.stack(
        [_first(columns), _first(rows), _end(columns), _end(rows)], axis=-1, dtype=np.float32
    )
    boxes[~rows.any(axis=-1)] = 0
    return boxes


def deepest_point(mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The XY pixel of an (H, W) mask that is furthest from what is outside, or the first such.

    Outside the image counts as outside the mask. This is the paper's "centre" of a mask (§D.1).
    Raises ``Error`` for an empty mask.
    """
    depth, (left, top) = interior_distance(mask)
    if depth.size == 0:
        raise Error("an empty mask has no deepest point")
    x, y = first_deepest(depth)
    return float(x + left), float(y + top)


def first_deepest(depth: Floats) -> tuple[int, int]:
    """XY of the largest of (h, w) distances, the first of equal ones.

    OpenCV rounds equal distances unequally, by where they lie in its vectors: what lies nearer
    together than the roots of whole numbers do (below 1400 or so) is one distance.
    """
    y, x = np.unravel_index(int((depth >= depth.max() * SAME_DISTANCE).argmax()), depth.shape)
    return int(x), int(y)


def interior_distance(mask: npt.NDArray[np.bool_]) -> tuple[Floats, tuple[int, int]]:
    """How far each pixel of an (H, W) mask's tight box is from what is outside the mask.

    Gives (h, w) distances in pixels, 0 outside the mask, and XY of the box's first pixel; no pixels
    for an empty mask. Outside the image counts as outside the mask.
    """
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    if width == 0:
        return np.zeros((0, 0), np.float32), (0, 0)
    part = mask[top : top + height, left : left + width].view(np.uint8)
    # A frame of one pixel is as good as the whole image: it is nearer than all that lies beyond.
    framed = cv2.copyMakeBorder(part, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(depth, np.float32)[1:-1, 1:-1], (left, top)


def xyxy_to_xywh(boxes: npt.ArrayLike) -> Floats:
    """(..., 4) corner boxes to corner, width, height, as COCO and SA-1B write them."""
    boxes = np.asarray(boxes, dtype=np.float32)
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def xywh_to_xyxy(boxes: npt.ArrayLike) -> Floats:
    """(..., 4) boxes of corner, width, height to corner boxes."""
    boxes = np.asarray(boxes, dtype=np.float32)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def box_iou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Intersection over union of all pairs of XYXY boxes: (N, 4), (K, 4) to (N, K)."""
    a, b = np.asarray(a, dtype=np.float32), np.asarray(b, dtype=np.float32)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(axis=-1) for x in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def nms(
    boxes: npt.ArrayLike, scores: npt.ArrayLike, threshold: float, most: int | None = None
) -> list[int]:
    """Which of (N, 4) XYXY boxes stay, best score first, when each removes the lesser ones that it
    overlaps by an IoU above ``threshold``. Of equal scores the first goes first. most: stay, all if
    None."""
    boxes = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    waiting = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    kept: list[int] = []
    while len(waiting) and (most is None or len(kept) < most):
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        overlap = box_iou(boxes[best : best + 1], boxes[waiting])[0]
        waiting = waiting[overlap <= threshold]
    return kept


def _first(hits: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    return np.asarray(hits.argmax(axis=-1))


def _end(hits: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    return np.asarray(hits.shape[-1] - hits[..., ::-1].argmax(axis=-1))
