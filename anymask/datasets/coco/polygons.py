"""Polygons: the rings of a COCO segmentation, however they are spelled, proved and rasterised.

pycocotools walks along an outline in memory of its own without a bound, so that each is proved
before it gets there.

Shape legend: N points, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from anymask.errors import RecordError, clipped

STEPS_PER_PX = 5  # in which maskApi.c, rleFrPoly, walks along an outline
MOST_STEPS = 1 << 24  # 128 MiB of its buffers; an int of its counts more
FARTHEST_PX = 1e9  # a coordinate beyond is none
FEWEST_POINTS = 3
SLIVER = "a polygon of fewer than 3 points"
OUTSIDE = "a polygon outside the image"

Points = npt.NDArray[np.float64]  # (N, 2), XY pixels


class SegmentationError(RecordError):
    """What is wrong with a segmentation, or with a part of it.

    reason: of its kind, the same for all of that kind; detail: what is special to this one.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


def rings_of(segmentation: Sequence[Any]) -> Sequence[Any]:
    """A list of polygons as COCO nests it: [[x, y, …], …].

    Other tools write the only polygon flat, [x, y, …], or its points apart, [[x, y], …],
    [[[x, y]], …] (as OpenCV has contours) and [{"x": …, "y": …}, …].
    """
    first = next(filter(None, segmentation), segmentation[0])  # of what is empty none is told
    if isinstance(first, dict):
        return [segmentation] if is_place(first) else segmentation
    if not isinstance(first, list):
        return [segmentation]
    if len(first) > 2:
        return segmentation
    if len(first) == 1:
        return [segmentation] if all(map(_is_wrapped_point, segmentation)) else segmentation
    return [segmentation] if all(map(_is_point, segmentation)) else segmentation


def outline_of(ring: Any, hw: tuple[int, int]) -> list[float]:
    """A ring as x0, y0, x1, y1, … in pixels, safe for pycocotools.

    What leads far out of the image is cut off there. Raises ``SegmentationError``, also for what
    lies within a pixel and may be shares of the sides.
    """
    points = _points(ring)
    if points.min() >= 0 and points.max() <= 1 and (points % 1).any():
        raise SegmentationError(
            "a polygon of shares of the sides, or within a pixel", clipped(ring)
        )
    return outline_in_pixels(points, hw)


def outline_in_pixels(points: Points, hw: tuple[int, int]) -> list[float]:
    """The same of (N, 2) points that are certainly pixels."""
    if len(points) < FEWEST_POINTS:
        raise SegmentationError(SLIVER)
    lowest, highest = points.min(axis=0), points.max(axis=0)
    sides = np.array(hw[::-1], np.float64)
    if (highest <= 0).any() or (lowest >= sides).any():
        raise SegmentationError(OUTSIDE, f"it begins at {clipped(points[0].tolist())}")
    if (lowest < -sides).any() or (highest > 2 * sides).any():
        points = _clipped(points, -sides, 2 * sides)
        if len(points) < FEWEST_POINTS:
            raise SegmentationError(OUTSIDE)
    steps = np.abs(points - np.roll(points, 1, axis=0)).max(axis=1) + 1
    if steps.sum() * STEPS_PER_PX > MOST_STEPS:
        raise SegmentationError("a polygon longer than any outline")
    outline: list[float] = points.reshape(-1).tolist()
    return outline


def rasterised(outlines: Sequence[list[float]], hw: tuple[int, int]) -> dict[str, Any]:
    """The union of outlines, as pycocotools encodes it."""
    encoded = coco_mask.frPyObjects(outlines, *hw)
    merged: dict[str, Any] = encoded[0] if len(encoded) == 1 else coco_mask.merge(encoded)
    return merged


def is_place(value: Any) -> bool:
    """Whether a point is written as {"x": …, "y": …}."""
    return isinstance(value, dict) and all(
        key in value and not isinstance(value[key], (list, dict)) for key in ("x", "y")
    )


def numbers_of(values: Any) -> npt.NDArray[Any] | None:
    """A list of numbers, be it of nested ones or of text that says numbers; None for what is none.

    Integers stay integers.
    """
    try:
        array = np.array(values)
        if array.dtype.kind in "US" or array.dtype == object:
            array = array.astype(np.float64)
    except (ValueError, OverflowError, TypeError):
        return None
    return array if array.dtype.kind in "iuf" else None


def _points(ring: Any) -> Points:
    """(N, 2) the points of a ring of any spelling. Raises ``SegmentationError``."""
    while isinstance(ring, list) and len(ring) == 1 and isinstance(ring[0], list):
        ring = ring[0]
    if isinstance(ring, list) and ring and all(map(is_place, ring)):
        ring = [[place["x"], place["y"]] for place in ring]
    values = numbers_of(ring) if isinstance(ring, list) else None
    if values is None:
        raise SegmentationError("a polygon of what is no number", clipped(ring))
    if values.ndim > 1:
        if values.shape[-1] != 2 or values.size != 2 * len(values):
            raise SegmentationError("a polygon whose points are no pairs", clipped(ring))
    elif len(values) % 2:
        raise SegmentationError("a polygon of an odd number of coordinates", f"{len(values)}")
    points = values.astype(np.float64).reshape(-1, 2)
    if len(points) < FEWEST_POINTS:
        raise SegmentationError(SLIVER)
    if not (np.abs(points) <= FARTHEST_PX).all():  # nor is what is no number
        raise SegmentationError("a polygon with a corner that is nowhere", clipped(ring))
    return points


def _clipped(points: Points, lowest: Points, highest: Points) -> Points:
    """A ring cut off at a rectangle, side by side (Sutherland and Hodgman, 1974).

    Inside it the ring encloses what it did; what joins its parts runs along the rectangle.
    """
    for axis in (0, 1):
        for sign, bound in ((1.0, lowest[axis]), (-1.0, highest[axis])):
            if not len(points):
                return points
            depths = sign * (points[:, axis] - bound)
            corners: list[Points] = []
            for number, depth in enumerate(depths):
                before = depths[number - 1]
                if (depth >= 0) != (before >= 0):
                    share = before / (before - depth)
                    corners.append(
                        points[number - 1] + share * (points[number] - points[number - 1])
                    )
                if depth >= 0:
                    corners.append(points[number])
            points = np.array(corners, np.float64).reshape(-1, 2)
    return points


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(number, (int, float, str)) for number in value)
    )


def _is_wrapped_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1 and _is_point(value[0])
