"""Views: how an image and its masks get into the model's square, with or without jitter.

Large-scale jitter (Ghiasi et al., arXiv 2012.07177, which §A cites for the first two stages): the
image is resized by a random factor around the size that fits, and cut or padded to the square.

Shape legend: H W pixels of the image, S side of the model's input, h w low-resolution grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats, ResizeMap, mask_boxes
from anymask.core.image import RGB, resize_to

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """The window of a resized image that the model sees.

    image_hw: before. resized_hw: after resizing. corner_xy: of the window in the resized image.
    input_px: side of the square; what the window lacks is padding at the right and below.
    """

    image_hw: tuple[int, int]
    resized_hw: tuple[int, int]
    corner_xy: tuple[int, int]
    input_px: int

    def pixels(self, rgb: RGB) -> RGB:
        """What of the (H, W, 3) image is in the window: no side above S."""
        return np.ascontiguousarray(self._cut(resize_to(rgb, self.resized_hw)))

    def mask(self, mask: Mask, side: int) -> Mask:
        """An (H, W) mask at the size of mask logits (side, side): cells that are half covered."""
        square = np.zeros((self.input_px, self.input_px), np.uint8)
        cut = self._cut(_resized(mask.astype(np.uint8) * np.uint8(255), self.resized_hw))
        square[: cut.shape[0], : cut.shape[1]] = cut
        return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA) > 127)

    def box(self, mask: Mask) -> Floats:
        """The tight XYXY box of an (H, W) mask, in pixels of the model's input."""
        (height, width), (new_h, new_w) = self.image_hw, self.resized_hw
        scale = np.array([new_w / width, new_h / height] * 2)
        box = mask_boxes(mask) * scale - np.tile(self.corner_xy, 2)
        return np.asarray(np.clip(box, 0, self.input_px), np.float32)

    def _cut(self, array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        x, y = self.corner_xy
        return array[y : y + self.input_px, x : x + self.input_px]


def whole_view(image_hw: tuple[int, int], input_px: int) -> View:
    """The whole image, as in prediction."""
    return View(image_hw, ResizeMap(image_hw, input_px).content_hw, (0, 0), input_px)


def jittered_view(
    image_hw: tuple[int, int],
    input_px: int,
    scales: tuple[float, float],
    rng: np.random.Generator,
) -> View:
    """A random size, evenly between ``scales`` times the one that fits, and a random window."""
    fit = input_px / max(image_hw) * rng.uniform(*scales)
    height, width = (max(1, round(side * fit)) for side in image_hw)
    x, y = (int(rng.integers(0, max(0, side - input_px) + 1)) for side in (width, height))
    return View(image_hw, (height, width), (x, y), input_px)


def _resized(array: npt.NDArray[np.uint8], hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    smaller = hw[0] * hw[1] < array.shape[0] * array.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(array, hw[::-1], interpolation=how), np.uint8)
