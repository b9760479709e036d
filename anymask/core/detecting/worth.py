"""What suggestions are worth in time: the threshold of a score at which they save most of it.

A right suggestion saves drawing a mask and costs a look; a wrong one costs a look. So a suggestion
pays where its chance to be right is above the seconds of a look by those of drawing: with 1.55 s
and 23 s, one in fifteen.

Shape legend: N scored suggestions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.errors import Error

VERDICT_S = 1.55  # to see whether a mask is right and press a key (keystroke-level model: M, K)
DRAWN_S = 23.0  # a mask, where nobody measured it: what stage 1 took simulated annotators


@dataclass(frozen=True)
class Pace:
    """Seconds of people. drawn_s: a mask that they draw. verdict_s: to answer a suggestion."""

    drawn_s: float = DRAWN_S
    verdict_s: float = VERDICT_S

    def __post_init__(self) -> None:
        if not (self.drawn_s > 0 and self.verdict_s >= 0):
            raise Error("a mask takes more than 0 seconds to draw, and an answer 0 or more")

    @property
    def least_chance(self) -> float:
        """Of a suggestion to be right, from which it saves time: in 0-1."""
        return min(1.0, self.verdict_s / self.drawn_s)

    def saved_s(self, kept: int, right: int) -> float:
        """What so many suggestions save, of which so many are right."""
        return right * self.drawn_s - kept * self.verdict_s


@dataclass(frozen=True)
class WorthyThreshold:
    """Suggest what scores ``threshold`` or more: so many are kept, so many of them right.

    saved_s: seconds of people. The data that it was found on is seen once more in these figures.
    """

    threshold: float
    kept: int
    right: int
    saved_s: float


def worthy_threshold(scores: npt.ArrayLike, is_right: npt.ArrayLike, pace: Pace) -> WorthyThreshold:
    """The threshold at which (N,) scored suggestions save most time.

    scores: (N,). is_right: (N,) bool. Raises ``Error`` for arrays that don't belong together, and
    where suggestions cost more than they save at any threshold.
    """
    scored, right = np.asarray(scores, np.float64), np.asarray(is_right, bool)
    if scored.ndim != 1 or scored.shape != right.shape:
        raise Error(f"scores {scored.shape} and what is right {right.shape} don't belong together")
    order = np.argsort(-scored, kind="stable")
    ranked, rights = scored[order], np.cumsum(right[order])
    kept = np.arange(1, len(ranked) + 1)
    saved = rights * pace.drawn_s - kept * pace.verdict_s
    # Of equal scores all are kept, or none.
    is_end = np.append(ranked[1:] < ranked[:-1], True)[: len(ranked)]
    best = int(np.where(is_end, saved, -np.inf).argmax()) if len(ranked) else 0
    if not len(ranked) or saved[best] <= 0:
        raise Error(
            f"no threshold saves time: at any, suggestions take longer to answer "
            f"({pace.verdict_s:.1f} s each) than the right ones save ({pace.drawn_s:.1f} s each)"
        )
    return WorthyThreshold(float(ranked[best]), best + 1, int(rights[best]), float(saved[best]))
