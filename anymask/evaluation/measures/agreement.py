"""Agreement: how alike several people rate the same things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """Of things that were rated more than once.

    things: how many. pairs: of ratings of the same thing. difference: the mean of theirs. within:
    the share of pairs that differ by no more than one. alpha: Krippendorff's for intervals (Content
    Analysis, 2004): 1 is all alike, 0 no more than by chance; None where all ratings are the same.
    """

    things: int
    pairs: int
    difference: float
    within: float
    alpha: float | None


def agreement_of(ratings: Mapping[object, Sequence[float]]) -> Agreement | None:
    """Of ratings by the thing that is rated; None if nothing was rated twice."""
    several = [list(values) for values in ratings.values() if len(values) > 1]
    if not several:
        return None
    apart = [abs(a - b) for values in several for a, b in combinations(values, 2)]
    return Agreement(
        things=len(several),
        pairs=len(apart),
        difference=float(np.mean(apart)),
        within=float(np.mean(np.asarray(apart) <= 1)),
        alpha=_alpha(several),
    )


def _alpha(ratings: Sequence[Sequence[float]]) -> float | None:
    """1 less the disagreement within things by that of all pairs, squared differences each."""
    every = np.concatenate([np.asarray(values, np.float64) for values in ratings])
    by_chance = _squares(every) / (len(every) - 1)
    if not by_chance:
        return None
    within = sum(_squares(np.asarray(v, np.float64)) / (len(v) - 1) for v in ratings)
    return float(1 - within / by_chance)


def _squares(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The sum over all ordered pairs of their squared differences."""
    return float(2 * (len(values) * np.square(values).sum() - values.sum() ** 2))
