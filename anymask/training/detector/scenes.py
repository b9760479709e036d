"""Scenes: samples made ready for the detector, their masks as boxes in the model's input.

Shape legend: G objects, M masks of a sample, g grid of the detector's finest cells, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.detecting.figures import JudgedImage
from anymask.core.geometry import Floats, ResizeMap, xywh_to_xyxy
from anymask.core.rle import RLE
from anymask.datasets.sample import Sample
from anymask.predict.detector import DetectedBoxes


@dataclass(frozen=True, eq=False)
class BoxScene:
    """One image with the boxes of its objects.

    objects_xyxy: (G, 4), pixels of the model's input. counts: (g, g) bool, whether a cell there
    that answers for no object should say so: not in padding, nor where nobody decided what there
    is, such as in a crowd. is_flipped: left to right, padding and all; so the embedding must be.
    """

    sample: Sample
    resize_map: ResizeMap
    objects_xyxy: Floats
    counts: npt.NDArray[np.bool_]
    is_flipped: bool = False

    def judged(self, detected: DetectedBoxes) -> JudgedImage:
        """What was detected beside what is there, in pixels of the image."""
        masks = self.sample.masks
        return JudgedImage(
            detected.boxes_xyxy,
            detected.scores,
            boxes_of(masks),
            np.array([rle.area(mask) for mask in masks]),
            ~np.array(self.sample.is_object),
        )


def box_scene(sample: Sample, input_px: int, grid: int) -> BoxScene:
    """A scene as it is: no chance decides anything. grid: g."""
    height, width = sample.masks[0]["size"]
    resize_map = ResizeMap((height, width), input_px)
    is_object = np.array(sample.is_object)
    boxes = boxes_of(sample.masks)[is_object]
    inside = resize_map.to_input(boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    undecided = [mask for mask, known in zip(sample.masks, is_object) if not known]
    return BoxScene(sample, resize_map, inside, _counting(resize_map, undecided, input_px, grid))


def flipped(scene: BoxScene, input_px: int) -> BoxScene:
    """The same, left to right."""
    x0, y0, x1, y1 = scene.objects_xyxy.T
    mirrored = np.stack([input_px - x1, y0, input_px - x0, y1], axis=1)
    return BoxScene(
        scene.sample, scene.resize_map, mirrored, scene.counts[:, ::-1], not scene.is_flipped
    )


def boxes_of(masks: tuple[RLE, ...]) -> Floats:
    """The tight XYXY boxes (M, 4) of masks, pixels of the image."""
    return xywh_to_xyxy(np.array([rle.bbox_xywh(mask) for mask in masks]).reshape(-1, 4))


def _counting(
    resize_map: ResizeMap, undecided: list[RLE], input_px: int, grid: int
) -> npt.NDArray[np.bool_]:
    """Which cells (g, g) have their centre in the image, and not in what is undecided."""
    centres = (np.arange(grid) + 0.5) * (input_px / grid)
    height, width = resize_map.content_hw
    least = input_px / grid  # a strip that is thinner than any cell still has the first ones
    counts = (centres < max(height, least))[:, None] & (centres < max(width, least))
    for mask in undecided:
        pixels = cv2.resize(
            rle.decode(mask).view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
        )
        rows, columns = (centres[centres < side].astype(int) for side in (height, width))
        counts[: len(rows), : len(columns)] &= pixels[np.ix_(rows, columns)] == 0
    return counts
