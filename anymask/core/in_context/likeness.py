"""Likeness: which patches of an image are like what examples show, and unlike what lies around.

Shape legend: h w patches, N patches inside, M patches outside, Q patches asked about, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap, Mask

MOSTLY = 0.5  # of a patch that a mask must cover to have it
SHARPNESS = 20.0  # of the step from unlike to like, in differences of cosines


@dataclass(frozen=True, eq=False)
class Shown:
    """What examples show of one thing: inside (N, C) features of it, outside (M, C) of others."""

    inside: Floats
    outside: Floats

    @classmethod
    def of_examples(cls, examples: Iterable[tuple[FeatureMap, Mask]]) -> Shown:
        """Of images, each with its mask (H, W), which may be empty.

        A mask that fills no patch has the one that it fills most of.
        """
        inside, outside = [], []
        for features, mask in examples:
            shares = features.shares(mask).reshape(-1)
            is_in = shares >= min(MOSTLY, max(shares.max(), 1e-6))
            inside.append(features.patches[is_in])
            outside.append(features.patches[~is_in])
        return cls(np.concatenate(inside), np.concatenate(outside))

    def without(self, others: Floats) -> Shown:
        """With more features that are not of it."""
        return Shown(self.inside, np.concatenate([self.outside, others]))


def likeness(query: FeatureMap, shown: Shown) -> Floats:
    """(h, w) in 0-1: how likely each patch is of what was shown.

    By the most similar patch inside against the most similar one outside.
    """
    patches = query.patches
    difference = nearest(patches, shown.inside) - nearest(patches, shown.outside)
    chance = 1 / (1 + np.exp(-SHARPNESS * difference))
    return np.asarray(chance.reshape(query.hw), np.float32)


def nearest(queries: Floats, features: Floats) -> Floats:
    """(Q,) cosine of each of (Q, C) with the most similar of (N, C); -1 where there is none."""
    if len(features) == 0:
        return np.full(len(queries), -1, np.float32)
    best: Floats = (queries @ features.T).max(axis=1)
    return best
