"""Instances: things of one kind that touch, told apart.

What is like an example may be one thing or several side by side. It is parted by masks that lie in
it, each with what is nearest to it, where every piece is nearly as complete as all of it together:
where of what was shown as much is found again. A part of a thing is not, for the rest is missing
(the coverage of *Matcher*, arXiv 2305.13310 §3.3).

Shape legend: N masks, h w patches, y x pixels, C channels, S patches that were shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap, Mask
from anymask.core.in_context.likeness import patches_of
from anymask.core.in_context.regions import components

WITHIN = 0.8  # of a mask that lies in what is parted: it is of it
WHOLE = 0.8  # of what is parted: a mask of more is no part of it
LEAST = 0.1  # of what is parted: a mask of less is no instance beside the others
SHARED = 0.25  # of the smaller of two masks: more, and they are not two things
SEED = 0.5  # of how complete all of it is: a mask of less is nothing that a thing grows from
COVERED = 0.5  # of what is parted, by what things grow from
COMPLETE = 0.75  # of how complete all of it is: things are
DEPTH, TRIES = 3, 8  # of parting what was parted; and with how many masks each time


class Completeness:
    """How much of what was shown is found again in a mask.

    shown: (S, C) features of it. rest: (y, x) the image without anything like it; what it has of
    what was shown, any mask would have, and counts for nothing.
    """

    def __init__(self, features: FeatureMap, shown: Floats, rest: Mask) -> None:
        self._features = features
        self._cosines = features.patches @ shown.T
        self._least = self._within(rest) if rest.any() else np.zeros(len(shown), np.float32)

    def of(self, mask: Mask) -> float:
        """Of a mask (y, x): mean cosine, above the rest's, of what was shown with its likest."""
        return float(np.maximum(self._within(mask) - self._least, 0).mean())

    def _within(self, mask: Mask) -> Floats:
        """(S,) the cosine of each shown patch with the likest that a mask has."""
        is_in = patches_of(self._features, mask)
        return np.asarray(self._cosines[is_in].max(axis=0, initial=-1), np.float32)


def instances(part: Mask, masks: Mask, completeness: Completeness) -> list[Mask]:
    """What of a connected part (y, x) is a thing of its own, by masks (N, y, x) of everything.

    The things are disjoint and make up the part; the part itself where it is one thing.
    """
    return _parted(part, masks, completeness, DEPTH)


def _parted(
    part: Mask, masks: Sequence[Mask] | Mask, completeness: Completeness, depth: int
) -> list[Mask]:
    inside = [mask & part for mask in masks if (mask & part).sum() >= WITHIN * max(1, mask.sum())]
    pieces = _pieces(part, inside, completeness) if depth else []
    if not pieces:
        return [part]
    return [thing for piece in pieces for thing in _parted(piece, inside, completeness, depth - 1)]


def _pieces(part: Mask, inside: Sequence[Mask], completeness: Completeness) -> list[Mask]:
    """Two things or more that make up a part, each as complete as it is; none if it is one.

    They grow from masks beside each other; large ones first, for they are parted again. Where these
    give no whole things, the largest is left out.
    """
    area, whole = int(part.sum()), completeness.of(part)
    if whole <= 0:
        return []
    sized = [mask for mask in inside if LEAST * area <= mask.sum() <= WHOLE * area]
    seeds = [mask for mask in sized if completeness.of(mask) >= SEED * whole]
    seeds.sort(key=lambda one: -int(one.sum()))
    for first in range(min(TRIES, len(seeds))):
        chosen: list[Mask] = []
        for mask in seeds[first:]:
            if all((mask & one).sum() <= SHARED * mask.sum() for one in chosen):
                chosen.append(mask)
        left = part & ~np.any(chosen, axis=0)
        for other in components(left, LEAST * area / part.size):
            if completeness.of(other) >= SEED * whole:
                chosen.append(other)
        if len(chosen) < 2 or np.any(chosen, axis=0).sum() < COVERED * area:
            continue
        pieces = _shared_out(part, chosen)
        if all(completeness.of(piece) >= COMPLETE * whole for piece in pieces):
            return pieces
    return []


def _shared_out(part: Mask, chosen: Sequence[Mask]) -> list[Mask]:
    """The part's pixels, each to the chosen mask that has it, or else to the nearest."""
    far = [cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) for mask in chosen]
    nearest = np.argmin(far, axis=0)
    return [part & (nearest == number) for number in range(len(chosen))]
