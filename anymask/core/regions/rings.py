"""Rings: the borders of a mask's regions, on the corners of its pixels.

A pixel of column x and row y is the square from (x, y) to (x + 1, y + 1). Rings on these corners
enclose exactly the mask's pixels, which contours through the middles of pixels do not: those lose
a row and a column.

Shape legend: H W pixels, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Corners = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Region:
    """A 4-connected region of a mask: the ring around it, and one for each of its holes.

    outer, holes: (V, 2) XY corners of pixels; each ring's last vertex is joined to its first. They
    run along the edges of pixels, turn at every vertex, and touch themselves nowhere. As numbers
    (y taken as upward) the outer one runs counter-clockwise and holes clockwise, as in RFC 7946.
    """

    outer: Corners
    holes: tuple[Corners, ...]


def regions_of(mask: Mask, left: int = 0, top: int = 0) -> list[Region]:
    """The regions of an (H, W) mask, from the top down.

    left, top: where the mask's first pixel lies, if it was cut from a larger one.
    """
    if not mask.any():
        return []
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    return [
        _region(numbers[y : y + h, x : x + w] == number, left + int(x), top + int(y))
        for number, (x, y, w, h) in zip(range(1, count), stats[1:, :4])
    ]


def _region(mask: Mask, left: int, top: int) -> Region:
    """Of pixels that are 4-connected."""
    # OpenCV's contours run through the middles of pixels that belong to the mask. With each pixel
    # doubled, the middle next to a border tells on which side of its pixel the border is.
    doubled = mask.repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
    contours, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer, holes = np.zeros((0, 2), np.int64), list[Corners]()
    for contour, (_, _, _, parent) in zip(contours, tree[0]):
        corners = (contour[:, 0].astype(np.int64) + 1) // 2
        ring = _turns(corners + np.array([left, top]))
        if parent < 0:
            outer = _turned(ring, 1)
        else:
            holes.append(_turned(ring, -1))
    return Region(outer, tuple(holes))


def _turns(ring: Corners) -> Corners:
    """The vertices where a ring of vertical and horizontal steps changes its direction."""
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    came_level = ring[:, 1] == np.roll(ring[:, 1], 1)
    goes_level = ring[:, 1] == np.roll(ring[:, 1], -1)
    vertices: Corners = ring[came_level != goes_level]
    return vertices


def _turned(ring: Corners, sign: int) -> Corners:
    """The ring with an area of this sign, by the shoelace formula."""
    x, y = ring.T
    area = int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    turned: Corners = ring if area * sign > 0 else ring[::-1]
    return turned
