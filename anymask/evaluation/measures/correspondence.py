"""Correspondence: which edge pixel belongs to which pixel that somebody drew.

It is the assignment problem of BSDS500's ``correspondPixels``, which that solves but nearly: there,
a pixel may stay alone only in the company of six others drawn at random.

Shape legend: H W pixels, N edge pixels found, K pixels drawn, E pairs near enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.errors import MissingExtraError

try:
    from scipy import sparse
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching
except ModuleNotFoundError:
    raise MissingExtraError("scipy", "evaluate") from None

OUTLIER_COST = 100  # of a pixel that stays alone, in units of the distance allowed
UNITS = 100  # of distance, to a pixel

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """An annotator's boundaries, ready to be paired with any number of edge maps.

    near: (H · W, K) sparse, at each pixel the distances to all that was drawn within reach_px, in
    hundredths of a pixel, plus 1: sparse arrays pass over zeros.
    """

    near: sparse.csr_array
    reach_px: float

    @classmethod
    def of(cls, boundaries: Mask, reach_px: float) -> Drawn:
        """From the (H, W) map that an annotator drew."""
        height, width = boundaries.shape
        side = np.arange(-int(reach_px), int(reach_px) + 1)
        steps = np.hypot(side[:, None], side)
        v, u = np.nonzero(steps <= reach_px)
        drawn_y, drawn_x = np.nonzero(boundaries)
        y, x = drawn_y[:, None] + side[v], drawn_x[:, None] + side[u]
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        costs = np.rint(steps[v, u] * UNITS).astype(np.int64) + 1
        cost = np.broadcast_to(costs, y.shape)[inside]
        number, _ = np.nonzero(inside)
        shape = boundaries.size, len(drawn_y)
        near = sparse.csr_array((cost, ((y * width + x)[inside], number)), shape=shape)
        return cls(near, reach_px)

    def nearby(self, edges: Mask) -> Numbers:
        """Which pixels of an (H, W) map have something drawn within reach: flat indices (N,)."""
        return np.flatnonzero(edges.reshape(-1) & (np.diff(self.near.indptr) > 0))

    def pair(self, pixels: Numbers) -> tuple[Numbers, Numbers]:
        """Pair (N,) flat indices, as ``nearby`` gives them, with what was drawn, one to one.

        The pairs have the least sum of distances, in hundredths of a pixel, where a pixel that
        stays alone costs 100 times the distance allowed: there are as many pairs as can be, unless
        one more would take a chain of a hundred. Gives the indices of the pixels that have a
        partner, and the numbers of their partners.
        """
        near = self.near[pixels]
        drawn, columns = np.unique(near.indices, return_inverse=True)
        rows = np.repeat(np.arange(len(pixels)), np.diff(near.indptr))
        alone = round(OUTLIER_COST * self.reach_px * UNITS) + 1
        if len(pixels) <= len(drawn):
            chooser, chosen = _assigned(rows, columns, near.data, alone)
        else:
            chosen, chooser = _assigned(columns, rows, near.data, alone)
        return pixels[chooser], drawn[chosen].astype(np.int64)


def _assigned(
    rows: Numbers, columns: Numbers, costs: Numbers, alone: int
) -> tuple[Numbers, Numbers]:
    """Which row gets which column, at most one each, at the least cost; faster with fewer rows.

    rows, columns, costs: (E,) of all that may be paired; alone: of a row that gets none.

    scipy solves square problems several times as fast as others. So each row and each column has
    a stand-in on the other side: it takes who stays alone, and those of a pair take each other.
    Costs are whole numbers since those with fractions can keep it going without end.
    """
    if not len(rows):
        return rows, columns
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    each_row, each_column = np.arange(height), np.arange(width)
    # Of each row the stand-in comes first: that is the full matching which scipy looks for first.
    from_ = np.concatenate([each_row, rows, height + each_column, height + columns])
    to = np.concatenate([width + each_row, columns, each_column, width + rows])
    price = np.ones(len(to))
    price[:height], price[height : height + len(rows)] = alone, costs
    order = np.argsort(from_, kind="stable")
    ends = np.cumsum(np.bincount(from_))
    size = height + width
    problem = sparse.csr_array((price[order], to[order], np.append(0, ends)), shape=(size, size))
    _, chosen = min_weight_full_bipartite_matching(problem)
    paired = np.flatnonzero(chosen[:height] < width)
    return paired, chosen[paired]
