"""A spread is exact while values are few, and a fair sample of many."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.datasets.measuring.spread import Spread


def test_few_values_are_all_kept() -> None:
    spread = Spread()
    values = np.random.default_rng(0).normal(size=50_000)
    for part in np.array_split(values, 300):
        spread.add(part)
    assert spread.count == 50_000
    assert spread.mean == pytest.approx(values.mean())
    assert spread.quantiles()["5 %"] == pytest.approx(np.quantile(values, 0.05), abs=1e-6)


def test_of_many_values_a_sample_stands_for_all() -> None:
    spread = Spread(most_kept=2_000)
    values = np.arange(200_000)  # in order, so that a sample of the first or the last would differ
    for part in np.array_split(values, 77):
        spread.add(part)
    quantiles = spread.quantiles()
    assert (quantiles["lowest"], quantiles["highest"]) == (0, 199_999)
    assert spread.mean == pytest.approx(99_999.5)
    assert quantiles["median"] == pytest.approx(100_000, rel=0.05)
    assert quantiles["5 %"] == pytest.approx(10_000, rel=0.15)


def test_no_values_have_no_mean() -> None:
    spread = Spread()
    spread.add(np.zeros(0))
    assert (spread.count, spread.mean, spread.quantiles()) == (0, None, {})
