"""Spread of a number over many masks, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

MOST_KEPT = 1 << 20  # values, beyond which a random sample of so many stands for them
QUANTILES = {"lowest": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "highest": 1.0}
DIGITS = 6
FEW = 1 << 14  # that are collected before they are put away

Values = npt.NDArray[Any]


class Spread:
    """Mean and extremes of all values, and quantiles: exact up to ``MOST_KEPT``, else of a sample.

    The sample is drawn uniformly (Vitter's algorithm R), and the same for the same values.
    """

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self.count = 0  # of all values
        self._put = 0  # of them, those that no longer wait
        self._most_kept = most_kept
        self._total = 0.0
        self._extremes: tuple[float, float] | None = None
        self._kept = np.zeros(0)
        self._waiting: list[Values] = []
        self._rng = np.random.default_rng(0)

    def add(self, values: Values) -> None:
        """(N,) more values."""
        if len(values) == 0:
            return
        self._waiting.append(np.asarray(values, np.float64))
        self.count += len(values)
        if self.count - self._put >= FEW:
            self._put_away()

    @property
    def mean(self) -> float | None:
        """Of all values; None without any."""
        self._put_away()
        return self._total / self.count if self.count else None

    def quantiles(self) -> dict[str, float]:
        """By name; {} without values."""
        self._put_away()
        if self._extremes is None:
            return {}
        quantiles = np.quantile(self._kept, list(QUANTILES.values()))
        quantiles[0], quantiles[-1] = self._extremes
        return {name: _plain(float(value)) for name, value in zip(QUANTILES, quantiles)}

    def _put_away(self) -> None:
        if not self._waiting:
            return
        values = np.concatenate(self._waiting)
        self._waiting = []
        low, high = float(values.min()), float(values.max())
        if self._extremes:
            low, high = min(low, self._extremes[0]), max(high, self._extremes[1])
        self._extremes = low, high
        self._total += float(values.sum())
        room = max(self._most_kept - len(self._kept), 0)
        self._kept = np.concatenate([self._kept, values[:room]])
        self._put = self.count
        later = values[room:]
        places = self._rng.integers(0, np.arange(self.count - len(later), self.count) + 1)
        taken = places < self._most_kept
        self._kept[places[taken]] = later[taken]


def _plain(value: float) -> float:
    return int(value) if value == int(value) else round(value, DIGITS)
