"""Shapes: outlines as masks, by the rule of the program that drew them.

Two rules are at home in files. That of Pillow's drawing, which labelme uses, takes all pixels that
an outline touches: (1, 1) to (5, 4) is 5×4 of them. That of pycocotools takes those between the
lines: 4×3.

Shape legend: N points, H W pixels, h w of a part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.coco.polygons import outline_in_pixels, rasterised
from anymask.datasets.labelling.points import Points
from anymask.errors import RecordError

Draw = Callable[[ImageDraw.ImageDraw], None]


def drawn(draw: Draw, hw: tuple[int, int]) -> RLE:
    """The (H, W) mask of what is painted with 1 on a canvas of the image's size."""
    canvas = Image.new("L", hw[::-1])
    draw(ImageDraw.Draw(canvas))
    box = canvas.getbbox()
    if box is None:
        return rle.encode(np.zeros(hw, bool))
    return placed(np.asarray(canvas.crop(box)) > 0, box[:2], hw)


def touched_polygon(points: Points, hw: tuple[int, int]) -> RLE:
    """The (H, W) mask of a polygon and of all pixels on its outline. Raises ``RecordError``."""
    if len(points) < 3:
        raise RecordError(f"a polygon of {len(points)} points has no area")
    return drawn(lambda canvas: canvas.polygon(points, fill=1, outline=1), hw)


def enclosed_polygon(points: Points, hw: tuple[int, int]) -> RLE:
    """The (H, W) mask of what lies within a polygon, as pycocotools has it. Raises ``Error``."""
    outline = outline_in_pixels(np.array(points, np.float64).reshape(-1, 2), hw)
    return RLE(size=[*hw], counts=rasterised([outline], hw)["counts"].decode())


def touched_rectangle(points: Points, hw: tuple[int, int]) -> RLE:
    """The (H, W) mask of a rectangle, given by two corners. Raises ``RecordError``."""
    if len(points) != 2:
        raise RecordError(f"a rectangle of {len(points)} corners is none")
    xs, ys = zip(*points)
    box = min(xs), min(ys), max(xs), max(ys)
    return drawn(lambda canvas: canvas.rectangle(box, fill=1, outline=1), hw)


def touched_circle(points: Points, hw: tuple[int, int]) -> RLE:
    """The (H, W) mask of a circle, given by centre and a point on it. Raises ``RecordError``."""
    if len(points) != 2:
        raise RecordError(f"a circle of {len(points)} points is none")
    (x, y), (x_on, y_on) = points
    radius = float(np.hypot(x_on - x, y_on - y))
    box = x - radius, y - radius, x + radius, y + radius
    return drawn(lambda canvas: canvas.ellipse(box, fill=1, outline=1), hw)


def ellipse(
    centre: tuple[float, float], radii: tuple[float, float], degrees: float, hw: tuple[int, int]
) -> RLE:
    """The (H, W) mask of the pixels whose centres lie in an ellipse, turned clockwise."""
    turn = np.deg2rad(degrees)
    y, x = np.ogrid[: hw[0], : hw[1]]
    dx, dy = x + 0.5 - centre[0], y + 0.5 - centre[1]
    along = (dx * np.cos(turn) + dy * np.sin(turn)) / radii[0]
    across = (dy * np.cos(turn) - dx * np.sin(turn)) / radii[1]
    return rle.encode(along**2 + across**2 <= 1)


def placed(part: npt.NDArray[np.bool_], corner: Sequence[int], hw: tuple[int, int]) -> RLE:
    """The (H, W) mask of a part (h, w) whose first pixel is at a corner XY, cut at the edges."""
    height, width = hw
    left, top = corner
    first, last = max(left, 0), min(left + part.shape[1], width)
    upper, lower = max(top, 0), min(top + part.shape[0], height)
    if first >= last or upper >= lower:
        return rle.encode(np.zeros(hw, bool))
    columns = np.zeros((height, last - first), bool)
    columns[upper:lower] = part[upper - top : lower - top, first - left : last - left]
    edges = np.flatnonzero(np.diff(columns.T.reshape(-1).view(np.int8), prepend=0, append=0))
    return rle.encode_runs(edges[::2] + first * height, edges[1::2] + first * height, hw)
