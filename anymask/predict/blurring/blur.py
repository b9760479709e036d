"""Blur: faces and plates made unrecognisable, so that it can't be undone.

A Gaussian alone can be: it is linear, and whoever knows its width divides it out again up to the
rounding of pixels. So what is in a region becomes the means of a few large cells first, which
forgets all that is smaller than a cell, whatever is done afterwards; the Gaussian over them only
hides their edges. It is no anonymity: hair, clothes, place and company stay.

Shape legend: N boxes, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.predict.blurring.detections import Detections, Detector, look_at_scales

FACES, PLATES = "faces", "plates"
CELLS = 5  # along the longer side of a region
MARGIN = 0.25  # of its side that a box grows by at each end: chin, ears and brow lie outside


def blur_image(
    pixels: RGB, detectors: Mapping[str, Detector], thorough: bool = False
) -> tuple[RGB, dict[str, Detections]]:
    """The image with all that the detectors find blurred, and what they found.

    pixels: (H, W, 3), which stay as they are. detectors: by what they find; ``faces`` are blurred
    in an ellipse, all else in a rectangle. The built-in ones look at several sizes. thorough: at
    the mirror image as well, which finds a few more and takes twice as long. The same pixels give
    the same answer.
    """
    found = {kind: _find(detector, pixels, thorough) for kind, detector in detectors.items()}
    return blurred(pixels, found), found


def _find(detector: Detector, pixels: RGB, thorough: bool) -> Detections:
    """What a detector finds: at its ``scales`` if it has any, else asked once about the whole."""
    scales: tuple[float, ...] = getattr(detector, "scales", ())
    if scales:
        return look_at_scales(detector, pixels, scales, thorough)
    return Detections.union([detector(pixels)], pixels.shape[:2])


def blurred(pixels: RGB, found: Mapping[str, Detections]) -> RGB:
    """A copy of the image in which the regions of all boxes are blurred."""
    result = pixels.copy()
    for kind, detections in found.items():
        for box in detections.boxes_xyxy:
            _blur_region(pixels, result, region_of(box), kind == FACES)
    return result


def region_of(box_xyxy: Floats) -> tuple[int, int, int, int]:
    """What a box becomes with its margin: left, top, right, bottom; it may leave the image."""
    left, top, right, bottom = (float(value) for value in box_xyxy)
    wide, high = (right - left) * MARGIN, (bottom - top) * MARGIN
    return floor(left - wide), floor(top - high), ceil(right + wide), ceil(bottom + high)


def ellipse(height: int, width: int) -> npt.NDArray[np.bool_]:
    """The (H, W) pixels of a region whose middles lie in the ellipse around its box."""
    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    # Through the corners of the box without its margin, so that nothing of it is left out.
    radius = np.sqrt(2) / (1 + 2 * MARGIN)
    return np.asarray((y**2)[:, None] + (x**2)[None, :] <= radius**2)


def _blur_region(
    source: RGB, target: RGB, region: tuple[int, int, int, int], is_face: bool
) -> None:
    """Blur a region of the target by what the source has there."""
    left, top, right, bottom = region
    inside = np.ones((bottom - top, right - left), bool)
    if is_face:
        inside = ellipse(*inside.shape)
    rows = slice(max(0, top), min(source.shape[0], bottom))
    columns = slice(max(0, left), min(source.shape[1], right))
    inside = inside[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    target[rows, columns][inside] = _smooth(source[rows, columns])[inside]


def _smooth(part: RGB) -> RGB:
    """(H, W, 3) as the means of a few cells, and these smoothed."""
    height, width = part.shape[:2]
    cell = max(height, width) / CELLS
    sides = max(1, round(width / cell)), max(1, round(height / cell))
    cells = cv2.resize(part, sides, interpolation=cv2.INTER_AREA)
    wide = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
    smooth = cv2.GaussianBlur(wide, (0, 0), cell / 2, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth, np.uint8)
