"""Bootstrap: how sure a mean is, when what it is of comes in clusters.

Masks of one image share its light, its photographer, and what the encoder made of it: a model that
fails on one often fails on the others. So whole images are drawn again, never single masks.

Shape legend: N values, K clusters, R resamples, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.errors import Error, MissingExtraError

Numbers = npt.NDArray[np.float64]
DRAWS_AT_ONCE = 1 << 21  # what one block of resamples may take of memory: some 50 MiB


@dataclass(frozen=True)
class Interval:
    """A figure and where, at the level of a ``Bootstrap``, it may lie."""

    mean: float
    low: float
    high: float

    def overlaps(self, other: Interval) -> bool:
        """Whether there is a number in both."""
        return self.low <= other.high and other.low <= self.high

    def holds(self, number: float) -> bool:
        """Whether a number is in it."""
        return self.low <= number <= self.high


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made; equal input gives equal intervals.

    level: how often an interval should hold the true figure. resamples: R.
    """

    level: float = 0.95
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.level < 1 or self.resamples < 1:
            raise Error("level must be between 0 and 1, and resamples 1 or more")

    def mean(self, values: npt.ArrayLike, clusters: Sequence[Any]) -> Interval:
        """The mean of (N,) values that belong to (N,) clusters, whose names may be anything.

        Percentiles of the means of redrawn clusters, moved outwards as Student's t is from the
        normal distribution, since few clusters tell too little of their own spread (the expanded
        percentile interval of Hesterberg, What Teachers Should Know About the Bootstrap, 2015).
        Raises ``Error`` for fewer than two clusters, whose spread nobody can tell.
        """
        figures = _checked(values, clusters)
        _, which = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
        sums, counts = _by_cluster(figures, which, which.max() + 1)
        low, high = self._between(self._means(sums[None], counts[None])[:, 0], len(counts))
        return Interval(float(figures.mean()), low, high)

    def difference(
        self,
        values: npt.ArrayLike,
        clusters: Sequence[Any],
        others: npt.ArrayLike,
        other_clusters: Sequence[Any],
    ) -> Interval:
        """How much higher the mean of (N,) values is than that of (N',) others.

        Clusters of the same name are the same in both and are drawn together: images that hold
        both kinds of masks. Raises ``Error`` if either has fewer than two clusters.
        """
        first, second = _checked(values, clusters), _checked(others, other_clusters)
        both = np.asarray([*clusters, *other_clusters], dtype=str)
        names, which = np.unique(both, return_inverse=True)
        parts = [
            _by_cluster(first, which[: len(first)], len(names)),
            _by_cluster(second, which[len(first) :], len(names)),
        ]
        sums, counts = (np.stack(kind) for kind in zip(*parts))
        means = self._means(sums, counts)
        few = int((counts > 0).sum(axis=1).min())
        low, high = self._between(means[:, 0] - means[:, 1], few)
        return Interval(float(first.mean() - second.mean()), low, high)

    def _means(self, sums: Numbers, counts: Numbers) -> Numbers:
        """Means of redrawn clusters, (G, K) sums and counts to (R, G); NaN where none was drawn."""
        rng = np.random.default_rng(self.seed)
        clusters = sums.shape[1]
        at_once = max(1, DRAWS_AT_ONCE // clusters)
        blocks = []
        for first in range(0, self.resamples, at_once):
            drawn = rng.integers(0, clusters, (min(at_once, self.resamples - first), clusters))
            total = np.stack([of_group[drawn].sum(axis=1) for of_group in sums], axis=1)
            number = np.stack([of_group[drawn].sum(axis=1) for of_group in counts], axis=1)
            blocks.append(np.divide(total, number, np.full_like(total, np.nan), where=number > 0))
        return np.concatenate(blocks)

    def _between(self, resampled: Numbers, clusters: int) -> tuple[float, float]:
        tail = _expanded_tail(self.level, clusters)
        low, high = np.nanquantile(resampled, [tail, 1 - tail])
        return float(low), float(high)


def _by_cluster(
    values: Numbers, which: npt.NDArray[np.intp], clusters: int
) -> tuple[Numbers, Numbers]:
    """Sums and counts, (K,) each."""
    return (
        np.bincount(which, values, minlength=clusters).astype(np.float64),
        np.bincount(which, minlength=clusters).astype(np.float64),
    )


def _expanded_tail(level: float, clusters: int) -> float:
    """What is cut off at either end, less than (1 - level) / 2 by what few clusters call for."""
    try:
        from scipy.special import ndtr, stdtrit
    except ModuleNotFoundError:
        raise MissingExtraError("scipy", "evaluate") from None
    t = stdtrit(clusters - 1, (1 - level) / 2)
    return float(ndtr(t * np.sqrt(clusters / (clusters - 1))))


def _checked(values: npt.ArrayLike, clusters: Sequence[Any]) -> Numbers:
    figures = np.asarray(values, np.float64)
    if figures.shape != (len(clusters),) or not np.isfinite(figures).all():
        raise Error("a bootstrap wants a finite value, and the name of its cluster, for each mask")
    if len(set(clusters)) < 2:
        raise Error("of fewer than two clusters (images) nobody can tell how much they vary")
    return figures
