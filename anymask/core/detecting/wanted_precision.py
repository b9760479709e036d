"""The threshold of a score above which a wanted share of what is kept is right.

Shape legend: N scored things, such as suggested masks of held-out images.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from anymask.errors import Error

LEVEL = 0.95  # how often an interval should hold the true precision


@dataclass(frozen=True)
class PreciseThreshold:
    """Keep what scores ``threshold`` or more.

    precision: the share of right ones among the ``kept``; low, high: its interval of 95 %
    (``wilson_interval``). share: of all right ones, those that are kept. The data that it was found
    on is seen once more in these figures, and what is right but has no truth counts as wrong: with
    truth that is not complete, the real precision is higher.
    """

    threshold: float
    precision: float
    low: float
    high: float
    kept: int
    share: float


def threshold_for(
    scores: npt.ArrayLike, is_right: npt.ArrayLike, precision: float
) -> PreciseThreshold:
    """The threshold that keeps most of (N,) scored things with at least a precision.

    scores: (N,). is_right: (N,) bool. Raises ``Error`` for arrays that don't belong together, and
    if no threshold is as precise.
    """
    scored, right = np.asarray(scores, np.float64), np.asarray(is_right, bool)
    if scored.ndim != 1 or scored.shape != right.shape:
        raise Error(f"scores {scored.shape} and what is right {right.shape} don't belong together")
    if not 0 < precision <= 1:
        raise Error(f"a wanted precision is above 0 and at most 1, not {precision}")
    order = np.argsort(-scored, kind="stable")
    ranked = scored[order]
    rights = np.cumsum(right[order])
    # Of equal scores all are kept, or none: only the last of them can be the last that is kept.
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True)[: len(ranked)])
    reached = [end for end in ends.tolist() if rights[end] >= precision * (end + 1)]
    if not reached:
        raise Error(_unreached(rights, ends, precision))
    last = max(reached)
    kept, good = last + 1, int(rights[last])
    low, high = wilson_interval(good, kept)
    return PreciseThreshold(
        float(ranked[last]), good / kept, low, high, kept, good / max(1, int(rights[-1]))
    )


def wilson_interval(good: int, count: int, level: float = LEVEL) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927), which is honest for few and for extreme ones.

    Things of one image are alike, so that with few images it is too narrow.
    """
    if count == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = good / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    spread = z / (1 + weight) * np.sqrt(share * (1 - share) / count + weight / (4 * count))
    return max(0.0, float(middle - spread)), min(1.0, float(middle + spread))


def _unreached(rights: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], wanted: float) -> str:
    if not len(ends):
        return "nothing is scored, so that no threshold can be found"
    best = float((rights[ends] / (ends + 1)).max())
    return (
        f"no threshold is as precise as {wanted:g}: the most precise one has {best:.3f} of what it "
        f"keeps right"
    )
