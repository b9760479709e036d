"""Mask logits: above which value is the object, at the size of the image, and how stable.

Shape legend: h w low-resolution grid, H W pixels of the image.
"""

from __future__ import annotations

import cv2
import numpy as np

from anymask.core.geometry import Floats, ResizeMap

MASK_THRESHOLD = 0.0  # of logits: above it is the object


def upsample(low_resolution: Floats, resize_map: ResizeMap) -> Floats:
    """(h, w) logits over the model's square to (H, W) logits of the image."""
    return upsample_content(
        low_resolution, resize_map.input_px, resize_map.content_hw, resize_map.image_hw
    )


def upsample_content(
    low_resolution: Floats, side: int, content_hw: tuple[int, int], image_hw: tuple[int, int]
) -> Floats:
    """The same of an image that fills ``content_hw`` of the model's square of a ``side``.

    Bilinear to the model's input, cut to the image's share of it, bilinear to the image: the two
    steps of the official ``postprocess_masks``, so that borders fall on the same pixels.
    """
    (content_h, content_w), (h, w) = content_hw, image_hw
    square = cv2.resize(low_resolution, (side, side), interpolation=cv2.INTER_LINEAR)
    content = np.ascontiguousarray(square[:content_h, :content_w])
    full = cv2.resize(content, (w, h), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, dtype=np.float32)


def stability_score(logits: Floats, threshold: float, offset: float) -> float:
    """IoU of the masks at ``threshold ± offset``; 0 where even the larger of them is empty (§B)."""
    larger = np.count_nonzero(logits > threshold - offset)
    return np.count_nonzero(logits > threshold + offset) / larger if larger else 0.0
