"""Detections: boxes in an image, how sure each is, and how those of several looks become one.

Shape legend: N boxes, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from anymask.core.geometry import Floats, nms
from anymask.core.image import RGB

# A detector: (H, W, 3) RGB of 0-255 to boxes (N, 4) XYXY in pixels, and scores (N,).
Detector = Callable[[RGB], tuple[Floats, Floats]]

SAME_THING = 0.3  # IoU from which on two boxes are of one thing
TILE_PX, OVERLAP_PX = 1280, 128  # what a look takes in at once, and by how much tiles overlap


@dataclass(frozen=True)
class Detections:
    """Boxes (N, 4) XYXY in pixels of the image, and scores (N,), the surest first."""

    boxes_xyxy: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def union(cls, looks: Iterable[tuple[Floats, Floats]], hw: tuple[int, int]) -> Detections:
        """What any of the looks found, each thing once, within an image of (H, W)."""
        pairs = list(looks)
        boxes = np.concatenate([np.zeros((0, 4)), *(pair[0] for pair in pairs)])
        scores = np.concatenate([np.zeros(0), *(pair[1] for pair in pairs)])
        boxes = np.clip(boxes, 0, [hw[1], hw[0], hw[1], hw[0]])
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores = boxes[inside], scores[inside]
        kept = nms(boxes, scores, SAME_THING) if len(scores) else []
        return cls(boxes[kept].astype(np.float32), scores[kept].astype(np.float32))


def look_at_scales(
    detector: Detector, pixels: RGB, scales: Sequence[float], mirrored: bool = False
) -> Detections:
    """What a detector finds in an image at several sizes, in tiles where it is large.

    scales: 2 is twice the image's size, for what is small in it. The whole image is looked at in
    one tile as well, for what is larger than a tile. mirrored: look at its mirror image, too.
    """
    height, width = pixels.shape[:2]
    whole = min(1.0, TILE_PX / max(height, width))
    ways = (False, True) if mirrored else (False,)
    looks = (
        found
        for scale in sorted({whole, *scales})
        for way in ways
        for found in looks_at(detector, pixels, scale, way)
    )
    return Detections.union(looks, (height, width))


def looks_at(
    detector: Detector, pixels: RGB, scale: float, mirrored: bool = False
) -> Iterator[tuple[Floats, Floats]]:
    """The detector's answers for each tile of an image at a scale, in pixels of the image."""
    for left, right in _spans(pixels.shape[1], scale):
        for top, bottom in _spans(pixels.shape[0], scale):
            tile = pixels[top:bottom, left:right]
            hw = (max(1, round(tile.shape[0] * scale)), max(1, round(tile.shape[1] * scale)))
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            resized = cv2.resize(tile, hw[::-1], interpolation=way)
            given = resized[:, ::-1] if mirrored else resized
            boxes, scores = detector(np.ascontiguousarray(given, np.uint8))
            if mirrored:
                boxes = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [hw[1], 0, hw[1], 0]
            factor = np.array([tile.shape[1] / hw[1], tile.shape[0] / hw[0]] * 2)
            yield boxes * factor + np.array([left, top, left, top]), scores


def _spans(length: int, scale: float) -> list[tuple[int, int]]:
    """Where tiles begin and end along a side of the image, in its pixels."""
    tile, overlap = TILE_PX / scale, OVERLAP_PX / scale
    if length <= tile + overlap:
        return [(0, length)]
    count = int(np.ceil((length - overlap) / (tile - overlap)))
    starts = np.linspace(0, length - tile, count).astype(int)
    return [(int(start), min(length, int(np.ceil(start + tile)))) for start in starts]
