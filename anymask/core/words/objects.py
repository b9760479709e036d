"""Shown objects: what an encoder is given of one object of an image.

Shape legend: H W pixels of the image, S the crop's side, C semantic channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap
from anymask.core.words.crops import CropView, Mask, Pixels, crop
from anymask.errors import PromptError

SIDE_PX = 224
WHOLE = CropView()


@dataclass(frozen=True, eq=False)
class ShownObject:
    """pixels: (S, S, 3) RGB crop. semantic: (C,) the mask's mean feature. shape: ``shape_of``.

    Without features of the image C is 0.
    """

    pixels: Pixels
    semantic: Floats
    shape: Floats

    @classmethod
    def of_mask(
        cls,
        pixels: Pixels,
        mask: Mask,
        features: FeatureMap | None,
        view: CropView = WHOLE,
        side_px: int = SIDE_PX,
    ) -> ShownObject:
        """Of an (H, W, 3) image, a mask (H, W), and the image's features, if they matter.

        Raises ``PromptError`` for a mask without a pixel.
        """
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            raise PromptError("a mask without a pixel shows nothing")
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
        shown = crop(pixels, box, view, side_px, mask)
        semantic = np.zeros(0, np.float32) if features is None else pooled(features, mask)
        return cls(shown, semantic, shape_of(box, pixels.shape[:2]))


def pooled(features: FeatureMap, mask: Mask) -> Floats:
    """(C,) the mean feature of a mask, each patch by how much of it is covered."""
    shares = features.shares(mask)
    total = max(float(shares.sum()), 1e-6)
    return np.asarray(np.einsum("hw,hwc->c", shares, features.grid) / total, np.float32)


def shape_of(box_xyxy: Floats, image_hw: tuple[int, ...]) -> Floats:
    """(3,): how large a box is in its image, how wide for its height (logarithms), and how low."""
    left, top, right, bottom = box_xyxy
    height, width = image_hw
    wide, high = max(right - left, 1e-3), max(bottom - top, 1e-3)
    size = np.log(wide * high / (width * height)) / 2
    return np.array([size, np.log(wide / high), 3 * (top + high / 2) / height], np.float32)
