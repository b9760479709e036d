"""What suggestions are worth in time: the threshold of a score at which they save most of it.

A suggestion that is right saves drawing a mask, one that is nearly right a part of that, and each
costs a look. So one pays where what it saves, times its chance, is more than a look takes: with
1.55 s and 23 s, where one in fifteen is right.

Shape legend: N scored suggestions, the surest first; G objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.core.detecting.matching import right_ones
from anymask.errors import Error

VERDICT_S = 1.55  # to see whether a mask is right and press a key (keystroke-level model: M, K)
DRAWN_S = 23.0  # a mask, where nobody measured it: what stage 1 took simulated annotators
RIGHT_IOU = 0.85  # two people's masks are as alike (Segment Anything §5)
NEARLY_IOU = 0.65  # from which correcting is quicker than drawing
NEARLY_WORTH = 0.25  # of drawing: 24 to 37 % from an IoU of 0.75 on, 14 to 18 below (68 objects)


@dataclass(frozen=True)
class Pace:
    """Seconds of people. drawn_s: a mask that they draw. verdict_s: to answer a suggestion."""

    drawn_s: float = DRAWN_S
    verdict_s: float = VERDICT_S

    def saved_s(self, worth: npt.NDArray[np.float64]) -> float:
        """What (N,) suggestions save in all; less than 0 where they cost more."""
        return float((worth * self.drawn_s - self.verdict_s).sum())

    def __post_init__(self) -> None:
        if not (self.drawn_s > 0 and self.verdict_s >= 0):
            raise Error("a mask takes more than 0 seconds to draw, and an answer 0 or more")


USUAL = Pace()


@dataclass(frozen=True)
class WorthyThreshold:
    """Suggest what scores ``threshold`` or more.

    kept: suggestions; right, nearly: of them. saved_s: of people's time, in all. The data that it
    was found on is seen once more in these figures.
    """

    threshold: float
    kept: int
    right: int
    nearly: int
    saved_s: float


def worths(iou: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The share of drawing that each suggestion saves: (N,) 1, ``NEARLY_WORTH`` or 0.

    iou: (N, G). A second one of the same object is worth nothing.
    """
    right = right_ones(iou, RIGHT_IOU)
    is_left = ~(iou[right] >= RIGHT_IOU).any(axis=0)  # who has a right one corrects none
    nearly = np.zeros(len(iou), bool)
    nearly[~right] = right_ones(iou[~right][:, is_left], NEARLY_IOU)
    return np.where(right, 1.0, np.where(nearly, NEARLY_WORTH, 0.0))


def worthy_threshold(scores: npt.ArrayLike, worth: npt.ArrayLike, pace: Pace) -> WorthyThreshold:
    """The threshold at which (N,) scored suggestions save most time.

    scores: (N,). worth: (N,) as of ``worths``. Raises ``Error`` for arrays that don't belong
    together, and where suggestions cost more than they save at any threshold.
    """
    scored, shares = np.asarray(scores, np.float64), np.asarray(worth, np.float64)
    if scored.ndim != 1 or scored.shape != shares.shape:
        raise Error(f"scores {scored.shape} and worth {shares.shape} don't belong together")
    order = np.argsort(-scored, kind="stable")
    ranked, shares = scored[order], shares[order]
    saved = np.cumsum(shares * pace.drawn_s - pace.verdict_s)
    # Of equal scores all are kept, or none.
    saved[:-1][ranked[1:] == ranked[:-1]] = -np.inf
    best = int(saved.argmax()) if len(saved) else -1
    if best < 0 or saved[best] <= 0:
        raise Error(
            f"no threshold saves time: answering suggestions ({pace.verdict_s:.2f} s each) takes "
            f"longer than drawing what is right of them ({pace.drawn_s:.1f} s each)"
        )
    kept = shares[: best + 1]
    return WorthyThreshold(
        float(ranked[best]),
        best + 1,
        int((kept == 1).sum()),
        int(((kept > 0) & (kept < 1)).sum()),
        float(saved[best]),
    )
