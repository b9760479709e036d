"""Detectors: edges without a model, to hold a benchmark against, and edge non-maximum suppression.

Shape legend: H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from anymask.core.geometry import Floats
from anymask.core.image import RGB

SIGMA_PX = 2.0  # of Canny's smoothing
REACH = 4  # standard deviations that a Gaussian extends to
RIDGE_SIGMA_PX = 1.5  # outlines of an object and of what is around it lie about 3 pixels apart
BORDER_PX = 5  # over which edges fade
NOTHING = 1e-6  # strengths up to it are errors of rounding


def canny(pixels: RGB, sigma_px: float = SIGMA_PX) -> Floats:
    """Canny's edges (1986) as a map in [0, 1] without thresholds: (H, W, 3) to (H, W).

    The length of the gradient of the smoothed brightness where it is greatest across the edge,
    relative to the image's greatest.
    """
    dx, dy = gaussian_gradient(_brightness(pixels), sigma_px)
    return normalised(suppressed(np.hypot(dx, dy), dx, dy))


def sobel(pixels: RGB) -> Floats:
    """The same of Sobel's filter, which hardly smooths."""
    dx, dy = sobel_gradient(_brightness(pixels))
    return normalised(suppressed(np.hypot(dx, dy), dx, dy))


DETECTORS: Mapping[str, Callable[[RGB], Floats]] = {"canny": canny, "sobel": sobel}


def gaussian_gradient(values: Floats, sigma_px: float) -> tuple[Floats, Floats]:
    """Derivatives along x and y of (H, W) values smoothed by a Gaussian, in values a pixel."""
    side = np.arange(-math.ceil(REACH * sigma_px), math.ceil(REACH * sigma_px) + 1)
    smooth = np.exp(-0.5 * (side / sigma_px) ** 2)
    slope = side * smooth
    smooth, slope = smooth / smooth.sum(), slope / (side * slope).sum()
    return _filtered(values, slope, smooth), _filtered(values, smooth, slope)


def sobel_gradient(values: Floats) -> tuple[Floats, Floats]:
    """Derivatives along x and y of (H, W) values by Sobel's filter, in values a pixel."""
    slope, smooth = np.array([-0.5, 0, 0.5]), np.array([0.25, 0.5, 0.25])
    return _filtered(values, slope, smooth), _filtered(values, smooth, slope)


def suppressed(strength: Floats, dx: Floats, dy: Floats) -> Floats:
    """(H, W) strengths, 0 wherever one a pixel away across the edge is greater.

    dx, dy: (H, W) the direction across, of any length; where it has none, nothing is suppressed.
    Between pixels strength is interpolated bilinearly; beyond the border it is that of the border.
    """
    height, width = strength.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    length = np.maximum(np.hypot(dx, dy), np.finfo(np.float32).tiny)
    step_x, step_y = dx / length, dy / length
    ahead, behind = (
        cv2.remap(
            strength,
            x + sign * step_x,
            y + sign * step_y,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for sign in (1, -1)
    )
    return np.where((strength >= ahead) & (strength >= behind), strength, np.float32(0))


def thin_ridges(strength: Floats, sigma_px: float = RIDGE_SIGMA_PX) -> Floats:
    """Edge NMS of an (H, W) map of lines: smoothed, and 0 but on the crests of the lines.

    Smoothing, with which Canny begins, makes one of lines up to 2 sigma_px apart.
    """
    blurred = cv2.GaussianBlur(strength, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    smooth = np.asarray(blurred, np.float32)
    slope_x, slope_y = sobel_gradient(smooth)
    (xx, xy), (_, yy) = sobel_gradient(slope_x), sobel_gradient(slope_y)
    # Across a line its strength is curved the most, down on the crest and up at the foot.
    curved_up = 0.5 * np.arctan2(2 * xy, xx - yy)
    angle = curved_up + np.float32(np.pi / 2) * (xx + yy < 0)
    return suppressed(smooth, np.cos(angle), np.sin(angle))


def faded(strength: Floats) -> Floats:
    """(H, W) strengths that fall to nothing at the border of the image, where nobody draws edges.

    As in the edge NMS of Dollár and Zitnick's evaluation.
    """
    rows, columns = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in strength.shape)
    away = np.minimum(rows[:, None], columns).astype(np.float32)
    return np.asarray(strength * np.minimum(away / BORDER_PX, 1), np.float32)


def normalised(strength: Floats) -> Floats:
    """(H, W) strengths, not negative, relative to the greatest: in [0, 1]."""
    greatest = strength.max(initial=0)
    return np.asarray(strength / greatest if greatest > NOTHING else 0 * strength, np.float32)


def _filtered(values: Floats, along_x: Floats, along_y: Floats) -> Floats:
    return np.asarray(
        cv2.sepFilter2D(values, cv2.CV_32F, along_x, along_y, borderType=cv2.BORDER_REPLICATE)
    )


def _brightness(pixels: RGB) -> Floats:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) / np.float32(255), np.float32)
