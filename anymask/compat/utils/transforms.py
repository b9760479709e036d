"""``segment_anything.utils.transforms``: the way into the model's frame.

Shape legend: B images, P prompts, H W pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.compat.prompt_arguments import Given, array
from anymask.core.geometry import ResizeMap
from anymask.core.image import RGB, ImageSource, read_image, resize
from anymask.core.prompts import LARGEST_NUMBER
from anymask.errors import Error, ImageError, PromptError, shown

Numbers = npt.NDArray[np.float64]


class ResizeLongestSide:
    """The map from an image to the model's input, as ``SamPredictor.transform``."""

    def __init__(self, target_length: int) -> None:
        if not isinstance(target_length, int) or target_length < 1:
            raise Error(f"target_length is a number of pixels, not {shown(target_length)}")
        self.target_length = target_length

    def apply_image(self, image: ImageSource) -> RGB:
        """Resize an (H, W, 3) uint8 image."""
        rgb = read_image(image)
        return resize(rgb, ResizeMap((rgb.shape[0], rgb.shape[1]), self.target_length))

    def apply_coords(self, coords: Given, original_size: tuple[int, ...]) -> Numbers:
        """Map (..., 2) XY pixels of an image of ``original_size`` (H, W)."""
        given = array("coords", coords)
        if given.dtype.kind not in "buif" or given.shape[-1:] != (2,):
            raise PromptError(f"coords must be numbers (..., 2), not {given.dtype} {given.shape}")
        return given.astype(np.float64) * self._scale_xy(original_size)

    def apply_boxes(self, boxes: Given, original_size: tuple[int, ...]) -> Numbers:
        """Map (P, 4) XYXY boxes."""
        given = array("boxes", boxes)
        if given.shape[-1:] != (4,):
            raise PromptError(f"boxes must be (P, 4), not {given.shape}")
        return self.apply_coords(given.reshape(-1, 2, 2), original_size).reshape(-1, 4)

    def apply_image_torch(self, image: Tensor) -> Tensor:
        """Resize (B, 3, H, W) floats; not to the same bits as ``apply_image``."""
        if not isinstance(image, Tensor) or image.ndim != 4 or not image.is_floating_point():
            is_tensor = isinstance(image, Tensor)
            given = f"{image.dtype} {tuple(image.shape)}" if is_tensor else shown(image)
            raise ImageError(f"apply_image_torch takes floats (B, 3, H, W), not {given}")
        if not image.numel():
            raise ImageError(f"an image of shape {tuple(image.shape)} has no pixels")
        size = self.get_preprocess_shape(image.shape[2], image.shape[3], self.target_length)
        # torch resizes no half precision on every device.
        resized = F.interpolate(
            image.float(), size, mode="bilinear", align_corners=False, antialias=True
        )
        return resized.to(image.dtype)

    def apply_coords_torch(self, coords: Tensor, original_size: tuple[int, ...]) -> Tensor:
        """Map (..., 2) XY pixels, as a float32 tensor on the same device."""
        if not isinstance(coords, Tensor) or coords.shape[-1:] != (2,):
            shape = tuple(coords.shape) if isinstance(coords, Tensor) else type(coords).__name__
            raise PromptError(f"coords must be a tensor (..., 2), not {shape}")
        scale = torch.tensor(self._scale_xy(original_size), dtype=torch.float32)
        return coords.float() * scale.to(coords.device)

    def apply_boxes_torch(self, boxes: Tensor, original_size: tuple[int, ...]) -> Tensor:
        """Map (P, 4) XYXY boxes, as a float32 tensor on the same device."""
        if not isinstance(boxes, Tensor) or boxes.shape[-1:] != (4,):
            shape = tuple(boxes.shape) if isinstance(boxes, Tensor) else type(boxes).__name__
            raise PromptError(f"boxes must be a tensor (P, 4), not {shape}")
        return self.apply_coords_torch(boxes.reshape(-1, 2, 2), original_size).reshape(-1, 4)

    @staticmethod
    def get_preprocess_shape(oldh: int, oldw: int, long_side_length: int) -> tuple[int, int]:
        """The size (H, W) that an image of another size is resized to."""
        return ResizeMap(size_hw((oldh, oldw)), long_side_length).content_hw

    def _scale_xy(self, original_size: tuple[int, ...]) -> Numbers:
        height, width = size_hw(original_size)
        new_height, new_width = self.get_preprocess_shape(height, width, self.target_length)
        return np.array([new_width / width, new_height / height])


def size_hw(size: Any) -> tuple[int, int]:
    """A size given as (H, W), such as ``image.shape[:2]``. Raises ``Error`` for another."""
    try:
        height, width = (int(side) for side in size)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise Error(f"a size is (H, W), such as image.shape[:2], not {shown(size)}") from None
    if not 1 <= min(height, width) <= max(height, width) <= LARGEST_NUMBER:
        raise Error(f"a size is (H, W) in pixels, at least one of them, not {shown(size)}")
    return height, width
