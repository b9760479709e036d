"""Choosing: which of the masks that are like a name a phrase means: where, and how large.

Shape legend: n masks that are like the name, the likest first; k of another thing.
"""

from __future__ import annotations

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.words.phrases import Order, Relation, Thing

BESIDE = 1.0  # of the two things' mean size: gaps up to that are beside each other
SIDEWAYS = {Order.left: (0, 1), Order.right: (0, -1), Order.top: (1, 1), Order.bottom: (1, -1)}


def chosen(
    thing: Thing,
    boxes_xyxy: Floats,
    areas: Floats,
    image_hw: tuple[int, int],
    beside_xyxy: Floats | None = None,
) -> list[int]:
    """Which of n masks are meant, by their boxes (n, 4) and areas (n,), in the order that is meant.

    beside_xyxy: (k, 4) boxes of the thing that the phrase names beside it, the likest first.
    """
    left = list(range(len(boxes_xyxy)))
    if thing.relation is not None:
        others = np.zeros((0, 4), np.float32) if beside_xyxy is None else beside_xyxy
        left = [n for n in left if any(_is(thing.relation, boxes_xyxy[n], one) for one in others)]
    ranks = _ranks(thing.order, boxes_xyxy, areas, image_hw)
    if thing.order in (*SIDEWAYS, Order.middle) and thing.count is None:
        left = [n for n in left if _is_in(thing.order, boxes_xyxy[n], image_hw)]
    left.sort(key=lambda n: ranks[n])  # stable: of equals the likest
    if thing.first:
        start = thing.first if thing.first > 0 else max(0, len(left) + thing.first)
        left = left[start:]
    return left[: thing.count]


def _ranks(
    order: Order, boxes: Floats, areas: Floats, image_hw: tuple[int, int]
) -> list[float] | Floats:
    """(n,): what comes first has the least."""
    if order == Order.likest:
        return [0.0] * len(boxes)
    if order in (Order.largest, Order.smallest):
        return areas if order == Order.smallest else -areas
    sizes = boxes[:, 2:] - boxes[:, :2]
    if order in (Order.tallest, Order.shortest):
        return sizes[:, 1] if order == Order.shortest else -sizes[:, 1]
    if order in (Order.widest, Order.narrowest):
        return sizes[:, 0] if order == Order.narrowest else -sizes[:, 0]
    centres = _centres(boxes)
    if order == Order.middle:
        off = centres / np.array(image_hw[::-1]) - 0.5
        return np.asarray(np.hypot(*off.T), np.float32)
    axis, sign = SIDEWAYS[order]
    return np.asarray(sign * centres[:, axis])


def _is_in(order: Order, box: Floats, image_hw: tuple[int, int]) -> bool:
    """Whether a box's centre lies in a half of the image, or in its middle half both ways."""
    x, y = _centres(box[None])[0] / np.array(image_hw[::-1])
    if order == Order.middle:
        return bool(max(abs(x - 0.5), abs(y - 0.5)) <= 0.25)
    axis, sign = SIDEWAYS[order]
    return bool(sign * ((x, y)[axis] - 0.5) <= 0)


def _is(relation: Relation, box: Floats, other: Floats) -> bool:
    """Whether a box is so to another: by their centres, and by the gap between them."""
    x, y = _centres(box[None])[0] - _centres(other[None])[0]
    if relation == Relation.beside:
        gap = np.maximum(np.maximum(box[:2] - other[2:], other[:2] - box[2:]), 0)
        sizes = [float(np.sqrt(np.prod(each[2:] - each[:2]))) for each in (box, other)]
        is_same = bool(np.array_equal(box, other))
        return not is_same and float(np.hypot(*gap)) <= BESIDE * sum(sizes) / 2
    is_sideways = relation in (Relation.left_of, Relation.right_of)
    moved, across = (x, y) if is_sideways else (y, x)
    sign = -1 if relation in (Relation.left_of, Relation.above) else 1
    return bool(sign * moved > 0 and abs(moved) >= abs(across) / 2)


def _centres(boxes: Floats) -> Floats:
    """(n, 2) XY."""
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)
