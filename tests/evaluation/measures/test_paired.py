"""Paired differences, by hand and beside scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from anymask.errors import Error
from anymask.evaluation.measures.paired import (
    mean_interval,
    paired_difference,
    t_test,
    wilcoxon_test,
)


def test_the_t_test_by_hand() -> None:
    """Mean 2, spread 1, n = 3: t = 2 √3 of 2 degrees, where p = 1 - t / √(2 + t²)."""
    t = 2 * np.sqrt(3)
    assert t_test(np.array([1.0, 2.0, 3.0])) == pytest.approx(1 - t / np.sqrt(2 + t**2))
    assert t_test(np.array([-1.0, 1.0])) == pytest.approx(1)


def test_the_signed_ranks_by_hand() -> None:
    """Of five, all up: one way of 2^5, and its mirror; one down with rank 1: two ways."""
    assert wilcoxon_test(np.array([1.0, 2, 3, 4, 5])) == pytest.approx(2 / 32)
    assert wilcoxon_test(np.array([-1.0, 2, 3, 4, 5])) == pytest.approx(4 / 32)
    assert wilcoxon_test(np.array([0.0, 0, 1, 2, 3, 4, 5])) == pytest.approx(2 / 32)


def test_ties_by_hand() -> None:
    """Ten, all 1: ranks 5.5, W = 0 of mean 27.5, variance 96.25 less (10³ - 10) / 48."""
    z = 27.5 / np.sqrt(10 * 11 * 21 / 24 - (1000 - 10) / 48)
    assert wilcoxon_test(np.ones(10)) == pytest.approx(2 * stats.norm.sf(z))


def test_of_nothing_nobody_can_tell() -> None:
    assert t_test(np.array([2.0])) is None
    assert t_test(np.array([2.0, 2.0])) is None
    assert wilcoxon_test(np.zeros(4)) is None
    assert mean_interval([1.0, 2.0], ["a", "a"]) is None
    for values, clusters in (([], []), ([1.0], ["a", "b"])):
        with pytest.raises(Error, match="paired"):
            paired_difference(values, values, clusters)


def test_against_scipy() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(1, 11, 80).astype(float)
    second = np.clip(first - rng.integers(-2, 4, 80), 1, 10)
    found = paired_difference(first, second, list(range(80)))
    assert found.pairs == 80
    assert found.mean == pytest.approx((first - second).mean())
    assert found.t_p == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(first, second, method="approx").pvalue)
    assert found.interval is not None
    assert found.interval.low < found.mean < found.interval.high


def test_pairs_count_and_not_the_spread_of_questions() -> None:
    """Questions differ much, the methods by one each time."""
    questions = np.arange(1.0, 9)
    noise = np.array([0.1, -0.1] * 4)
    found = paired_difference(questions + 1 + noise, questions, list("abcdefgh"))
    assert found.t_p is not None
    assert found.t_p < 1e-6
    assert found.interval is not None
    assert found.interval.low > 0.9
