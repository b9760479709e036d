"""Bridges: several rings as a single one, for formats that know no holes and no parts.

A bridge is a line that the ring walks to and fro, so that it encloses nothing. By the even-odd
rule, and by pycocotools', the single ring has exactly the pixels that the rings had.

Shape legend: V vertices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anymask.core.regions.rings import Corners, Region


def without_holes(region: Region) -> Corners:
    """(V, 2) the ring around a region, with a level bridge to each of its holes.

    Bridges lie in the region, so that also who draws lines with a width adds nothing.
    """
    ring = region.outer
    # From the left on: what a level line to the left meets first is part of the ring already.
    for hole in sorted(region.holes, key=lambda hole: int(hole[:, 0].min())):
        ring = _with_hole(ring, hole)
    return ring


def single_ring(regions: Sequence[Region]) -> Corners:
    """(V, 2) one ring of regions, at least one, and their holes; bridges join what lies apart."""
    ring = without_holes(regions[0])
    for region in regions[1:]:
        ring = _with_island(ring, without_holes(region))
    return ring


def _with_hole(ring: Corners, hole: Corners) -> Corners:
    start = int(np.lexsort((hole[:, 1], hole[:, 0]))[0])
    x, y = hole[start]
    following = np.roll(ring, -1, axis=0)
    low = np.minimum(ring[:, 1], following[:, 1])
    high = np.maximum(ring[:, 1], following[:, 1])
    is_met = (ring[:, 0] == following[:, 0]) & (ring[:, 0] <= x) & (low <= y) & (y <= high)
    edges = np.flatnonzero(is_met)
    edge = int(edges[np.argmax(ring[edges, 0])])
    shore = np.array([[ring[edge, 0], y]])
    return _joined(ring[: edge + 1], shore, _from(hole, start), ring[edge + 1 :])


def _with_island(ring: Corners, island: Corners) -> Corners:
    near = _nearest(ring, island[0])
    start = _nearest(island, ring[near])
    return _joined(ring[:near], ring[near : near + 1], _from(island, start), ring[near + 1 :])


def _joined(before: Corners, shore: Corners, other: Corners, after: Corners) -> Corners:
    """The bridge leads from the shore to the other ring's first vertex and back."""
    return np.concatenate([before, shore, other, other[:1], shore, after])


def _from(ring: Corners, start: int) -> Corners:
    return np.roll(ring, -start, axis=0)


def _nearest(ring: Corners, vertex: Corners) -> int:
    return int(np.abs(ring - vertex).sum(axis=1).argmin())
