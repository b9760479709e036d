"""Convex hulls of many masks at once, and how concave the masks are (§5, Fig. 6).

The hull of a mask is that of the middles of its pixels' edges, and its area the number of pixels
whose centres lie in it or on its border: scikit-image's ``convex_hull_image``, in whole numbers.
(The polygon's own area would be less than a thin mask's, or more than a convex one's.)

Only the first and the last pixel of a column can be on the hull. All chains are thinned at once:
a point on or above the line between its neighbours is no corner, and neither are all such points
together, so that what is left in the end is the hull.

Shape legend: N masks, C columns that have pixels, Q points of chains.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from anymask.core.shapes.mask_batch import Floats, MaskBatch
from anymask.core.shapes.run_texts import Numbers

Integers = npt.NDArray[np.signedinteger[Any]]

SMALL_PX = 16_000  # sides of an image, up to which 32 bits are enough


class _Chains(NamedTuple):
    """Points from left to right, chain by chain, in half pixels: (Q,) each."""

    owners: Integers
    x: Integers
    y: Integers

    def only(self, kept: npt.NDArray[np.bool_]) -> _Chains:
        return _Chains(self.owners[kept], self.x[kept], self.y[kept])


def concavities(batch: MaskBatch) -> Floats:
    """(N,) 1 - area / area of the convex hull: 0 of a convex mask; NaN of an empty one."""
    with np.errstate(invalid="ignore"):
        return 1 - batch.areas / hull_areas(batch)


def hull_areas(batch: MaskBatch) -> Numbers:
    """(N,) pixels of the convex hull of each mask; 0 of an empty one."""
    areas = np.zeros(len(batch), np.int64)
    pieces = batch.pieces
    if len(pieces.masks) == 0:
        return areas
    other = (np.diff(pieces.masks) != 0) | (np.diff(pieces.columns) != 0)
    first, last = np.append(True, other), np.append(other, True)
    # Half pixels, of which products must fit, too.
    narrow: type[np.signedinteger[Any]] = np.int32 if max(batch.image_hw) < SMALL_PX else np.int64
    masks, columns = (x[first].astype(narrow) for x in (pieces.masks, pieces.columns))
    # The lower border is an upper one upside down.
    rows = np.concatenate([pieces.tops[first], 1 - pieces.bottoms[last]]).astype(narrow)
    owners = np.concatenate([masks, masks + narrow(len(batch))])
    chains = _chains(owners, np.concatenate([columns, columns]), rows)
    first_rows = _first_rows(_thinned(chains), 2 * len(batch)).reshape(2, -1)
    areas = batch.boxes_xywh[:, 2] - first_rows.sum(axis=0)
    return np.asarray(areas)


def _chains(owners: Integers, columns: Integers, rows: Integers) -> _Chains:
    """The upper border of each mask: middles of the edges of its columns' first pixels.

    owners, columns, rows: (C,). The middles at the sides are left out where the column beside
    reaches as high.
    """
    apart = (np.diff(owners) != 0) | (np.diff(columns) != 1)
    fall = np.diff(rows)
    left, right = np.append(True, apart | (fall < -1)), np.append(apart | (fall > 1), True)
    points = 1 + left.astype(np.int64) + right
    above = np.cumsum(points) - points + left  # which of the points is the middle of the top
    side = np.zeros(int(points.sum()), rows.dtype)
    side[above[left] - 1], side[above[right] + 1] = -1, 1
    x = 2 * np.repeat(columns, points) + side
    y = 2 * np.repeat(rows, points) - (side == 0)
    return _Chains(np.repeat(owners, points), x, y)


def _thinned(chains: _Chains) -> _Chains:
    """The corners of the chains' hulls, upwards being less."""
    done: list[_Chains] = []
    while True:
        corners = _may_be_corners(chains)
        if corners.all():
            break
        # Chains that lost nothing are hulls already.
        waiting = np.zeros(int(chains.owners[-1]) + 1, bool)
        waiting[chains.owners[~corners]] = True
        goes_on = waiting[chains.owners]
        done.append(chains.only(~goes_on))
        chains = chains.only(goes_on & corners)
    done.append(chains)
    joined = _Chains(*(np.concatenate(arrays) for arrays in zip(*done)))
    order = np.argsort(joined.owners, kind="stable")
    return _Chains(*(array[order] for array in joined))


def _may_be_corners(chains: _Chains) -> npt.NDArray[np.bool_]:
    """(Q,) False for what lies on or below the line between its neighbours."""
    owners, x, y = chains
    dx, dy = np.diff(x), np.diff(y)
    corners = np.ones(len(x), bool)
    corners[1:-1] = (owners[2:] != owners[:-2]) | (dy[:-1] * dx[1:] < dy[1:] * dx[:-1])
    return corners


def _first_rows(hulls: _Chains, count: int) -> Numbers:
    """(count,) sums of the first rows that lie in each hull, over all columns."""
    edges = np.flatnonzero(np.diff(hulls.owners) == 0)
    x, y = hulls.x[edges], hulls.y[edges]
    dx, dy = hulls.x[edges + 1] - x, hulls.y[edges + 1] - y
    columns = (x + dx + 1) // 2 - (x + 1) // 2  # whose middles it passes, its end exclusive
    # From each column to the next, the numerator grows by 2 dy.
    begin = y * dx + dy * (x & 1)
    ends = np.cumsum(columns)
    steps = np.arange(ends[-1], dtype=x.dtype) - np.repeat(
        (ends - columns).astype(x.dtype), columns
    )
    numerators = np.repeat(begin, columns) + np.repeat(2 * dy, columns) * steps
    rows = -(-numerators // np.repeat(2 * dx, columns))
    sums = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])[np.append(0, ends)]
    of_edges = np.diff(sums)
    return np.bincount(hulls.owners[edges], of_edges, count).astype(np.int64)
