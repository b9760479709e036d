"""Paired differences: whether two methods differ, each asked the same questions.

Shape legend: N pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.errors import Error, MissingExtraError
from anymask.evaluation.measures.bootstrap import Bootstrap, Interval

Numbers = npt.NDArray[np.float64]
MOST_EXACT = 50  # pairs of which Wilcoxon's distribution is counted out


@dataclass(frozen=True)
class PairedDifference:
    """How much higher the one is.

    pairs: N. interval: of a bootstrap over clusters, None where there are too few. t_p: of the
    paired t-test. wilcoxon_p: of the signed-rank test, which asks for no normal distribution. None
    where there are too few pairs, or all are equal, to tell.
    """

    pairs: int
    mean: float
    interval: Interval | None
    t_p: float | None
    wilcoxon_p: float | None


def paired_difference(
    values: npt.ArrayLike, others: npt.ArrayLike, clusters: Sequence[object]
) -> PairedDifference:
    """Of (N,) values and the others to the same N questions. Raises ``Error`` for none.

    clusters: N names; pairs of one name are drawn together.
    """
    differences = np.asarray(values, np.float64) - np.asarray(others, np.float64)
    if differences.ndim != 1 or len(differences) != len(clusters) or not len(differences):
        raise Error("a paired difference wants two values and a cluster for each question")
    return PairedDifference(
        len(differences),
        float(differences.mean()),
        mean_interval(differences, clusters),
        t_test(differences),
        wilcoxon_test(differences),
    )


def mean_interval(values: npt.ArrayLike, clusters: Sequence[object]) -> Interval | None:
    """Where the mean may lie (``Bootstrap``); None of fewer than two clusters."""
    if len(set(clusters)) < 2:
        return None
    return Bootstrap().mean(values, list(clusters))


def t_test(differences: Numbers) -> float | None:
    """Two-sided p of Student's test that the mean of (N,) differences is 0."""
    count = len(differences)
    spread = float(differences.std(ddof=1)) if count > 1 else 0.0
    if not spread:  # of a mean without any spread nobody can tell
        return None
    try:
        from scipy.special import stdtr
    except ModuleNotFoundError:
        raise MissingExtraError("scipy", "evaluate") from None
    t = abs(float(differences.mean())) / (spread / np.sqrt(count))
    return float(2 * stdtr(count - 1, -t))


def wilcoxon_test(differences: Numbers) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test; differences of 0 are left out.

    Exact for up to fifty different ones, else by the normal distribution with its correction for
    ties, of which ratings have many.
    """
    unequal = differences[differences != 0]
    if not len(unequal):
        return None
    try:
        from scipy.stats import wilcoxon
    except ModuleNotFoundError:
        raise MissingExtraError("scipy", "evaluate") from None
    has_ties = len(np.unique(np.abs(unequal))) < len(unequal)
    is_exact = len(unequal) <= MOST_EXACT and not has_ties
    return float(wilcoxon(unequal, method="exact" if is_exact else "approx").pvalue)
