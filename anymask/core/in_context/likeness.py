"""Likeness: which patches of an image are like what examples show, and unlike what lies around.

Shape legend: h w patches, N patches inside, M patches outside, P prototypes, Q patches asked about,
C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap, Mask, unit

MOSTLY = 0.5  # of a patch that a mask must cover to have it
MISTAKEN = 0.1  # of an image without the thing, the part that is most like it
NEIGHBOURS = 3  # most similar patches that are averaged: one alone may be chance
AT_ONCE = 4_096  # patches compared with at once
# Of diffusion: neighbours of a patch, how fast weights fall with cosines, and what neighbours say
# against what a patch says itself.
LINKS, SOFTNESS, TRUST = 20, 0.3, 0.9
# What counts as surely of the thing: from this relative likeness on, or this share of patches.
SURE, SUREST = 0.85, 0.03
OF_NEAREST, OF_CLOSER, EVEN = 6.0, 1.2, 4.36  # of the regression that tells what is there
LEAST = 1e-6  # a number that is not to be divided by


@dataclass(frozen=True, eq=False)
class Shown:
    """What examples show of one thing.

    inside: (N, C) features of it. outside: (M, C) of what it is not. against: (P, C) prototypes
    of what it is not, each of one kind.
    """

    inside: Floats
    outside: Floats
    against: Floats

    @classmethod
    def of_examples(cls, examples: Iterable[tuple[FeatureMap, Mask]]) -> Shown:
        """Of images, each with its mask (H, W), which may be empty.

        A mask that fills no patch has those that it fills most of.
        """
        inside, outside = [], []
        for features, mask in examples:
            is_in = patches_of(features, mask)
            inside.append(features.patches[is_in])
            outside.append(features.patches[~is_in])
        others = np.concatenate(outside)
        return cls(np.concatenate(inside), others, prototype(others))

    def without(self, others: Floats) -> Shown:
        """With features (M, C) that are not of it either, those of one thing."""
        return self._with(others, prototype(others))

    def without_any(self, others: Floats) -> Shown:
        """With the features (M, C) of a whole image in which there is nothing of it.

        What of it is most like the thing is what it was, or would be, mistaken for.
        """
        count = max(1, round(MISTAKEN * len(others)))
        order = np.argsort(-nearest(others, self.inside, 1), kind="stable")
        return self._with(others, prototype(others[order[:count]]))

    def _with(self, others: Floats, kind: Floats) -> Shown:
        return Shown(
            self.inside,
            np.concatenate([self.outside, others]),
            np.concatenate([self.against, kind]),
        )


def patches_of(features: FeatureMap, mask: Mask) -> Mask:
    """(h·w,) the patches that a mask (H, W) covers mostly, or those that it covers most of."""
    shares = features.shares(mask).reshape(-1)
    is_in: Mask = shares >= max(min(MOSTLY, float(shares.max())), LEAST)
    return is_in


def prototype(features: Floats) -> Floats:
    """(1, C) the direction in which features (N, C) point on average; (0, C) of none."""
    return unit(features.mean(axis=0, keepdims=True)) if len(features) else features


def likeness(query: FeatureMap, shown: Shown) -> Floats:
    """(h, w) how much more alike each patch is to what was shown than to what was around it.

    In cosines: of the nearest patches, and of prototypes. The nearest tell parts of a thing, a
    prototype the whole of it; together they do better than either.
    """
    patches = query.patches
    near = nearest(patches, shown.inside) - nearest(patches, shown.outside)
    kinds = highest(patches, prototype(shown.inside)) - highest(patches, shown.against)
    return np.asarray((near + kinds).reshape(query.hw), np.float32)


def nearest(queries: Floats, features: Floats, count: int = NEIGHBOURS) -> Floats:
    """(Q,) mean cosine of each of (Q, C) with the ``count`` most similar of (N, C); 0 for none."""
    if len(features) == 0:
        return np.zeros(len(queries), np.float32)
    best = np.zeros((len(queries), 0), np.float32)
    for first in range(0, len(features), AT_ONCE):
        cosines = np.concatenate([best, queries @ features[first : first + AT_ONCE].T], axis=1)
        kept = min(count, cosines.shape[1])
        best = np.partition(cosines, -kept, axis=1)[:, -kept:]
    return np.asarray(best.mean(axis=1), np.float32)


def highest(queries: Floats, prototypes: Floats) -> Floats:
    """(Q,) cosine of each of (Q, C) with the most similar of (P, C); 0 where there is none."""
    if len(prototypes) == 0:
        return np.zeros(len(queries), np.float32)
    return np.asarray((queries @ prototypes.T).max(axis=1), np.float32)


def together(maps: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Several (h, w) likenesses as one: each in its own standard deviations, then weighed."""
    parts = [
        weight * (values - values.mean()) / max(float(values.std()), LEAST)
        for values, weight in zip(maps, weights)
    ]
    return np.asarray(np.sum(parts, axis=0), np.float32)


def like_the_likest(features: FeatureMap, relative: Floats) -> Floats:
    """(h, w) cosines with what in this very image is surely of the thing.

    relative: (h, w) likeness, 1 at its likest. Things of one image are more like each other than
    like those of examples (Fan et al. 2022, "Self-support few-shot semantic segmentation").
    """
    least = min(SURE, float(np.quantile(relative, 1 - SUREST)))
    seed = features.patches[(relative >= least).reshape(-1)]
    return highest(features.patches, prototype(seed)).reshape(features.hw)


def presence(features: FeatureMap, relative: Floats, shown: Shown, least: float) -> float:
    """In 0-1: how sure it is that what was shown is there at all, of an even chance before.

    relative: (h, w) likeness, 1 at its likest; least: of it that counts as found. By how alike what
    was found is to its nearest patches inside, and how much of it is nearer to inside than to
    outside. A logistic regression on pairs of photographs that share a category and that don't.
    """
    is_found = (relative >= min(least, float(np.quantile(relative, 1 - SUREST)))).reshape(-1)
    patches = features.patches[is_found]
    inside = nearest(patches, shown.inside, 1)
    closer = float((inside > nearest(patches, shown.outside, 1)).mean())
    logit = float(inside.mean()) * OF_NEAREST + closer * OF_CLOSER - EVEN
    return float(1 / (1 + np.exp(-logit)))


def diffused(values: Floats, features: FeatureMap) -> Floats:
    """(h, w) numbers after patches that look alike in this very image agreed on them.

    Zhou et al. 2003, "Learning with local and global consistency": the fixed point of taking
    ``TRUST`` of the neighbours' and the rest of one's own.
    """
    patches = features.patches
    cosines = patches @ patches.T
    np.fill_diagonal(cosines, -1)
    count = len(patches)
    links = min(LINKS, count - 1)
    if links < 1:
        return values
    rows = np.arange(count)[:, None]
    chosen = np.argpartition(cosines, -links, axis=1)[:, -links:]
    weights = np.zeros_like(cosines)
    weights[rows, chosen] = np.exp((cosines[rows, chosen] - 1) / SOFTNESS)
    weights = np.maximum(weights, weights.T)
    degree = np.sqrt(np.maximum(weights.sum(axis=1), LEAST))
    weights /= degree[:, None] * degree[None]
    system = np.eye(count, dtype=np.float32) - np.float32(TRUST) * weights
    agreed = (1 - TRUST) * np.linalg.solve(system, values.reshape(-1))
    return np.asarray(agreed.reshape(values.shape), np.float32)
