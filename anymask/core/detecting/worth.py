"""What suggestions are worth in time: the threshold of a score at which they save most of it.

Each suggestion costs a look. One that is right saves what the object would have taken, and that is
little: an object that the model sees right by itself is drawn by one click. One that is nearly
right saves a part of a mask that takes more than a click. So a suggestion pays where its chance is
not one in fifteen, as by the mean of all masks, but one in three.

Shape legend: N scored suggestions, the surest first; G objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.core.detecting.matching import right_ones
from anymask.errors import Error

RIGHT_IOU = 0.85  # two people's masks are as alike (Segment Anything §5)
NEARLY_IOU = 0.65  # from which correcting is quicker than drawing
NEARLY_SHARE = 0.2  # of a mask of several clicks, which correcting saves; measured on 40 objects
WRONG, NEARLY, RIGHT = 0, 1, 2

Fits = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pace:
    """Seconds of people; those of simulated annotators, where nobody was measured.

    click_s: a mask that one click drew. drawn_s: one that took more. verdict_s: to see whether a
    suggestion is right, and press a key.
    """

    click_s: float = 4.6
    drawn_s: float = 23.0
    verdict_s: float = 1.55

    def __post_init__(self) -> None:
        if not (self.click_s > 0 and self.drawn_s > 0 and self.verdict_s >= 0):
            raise Error("a mask takes more than 0 seconds to draw, and an answer 0 or more")

    def saved_s(self, fits: Fits) -> npt.NDArray[np.float64]:
        """What each of (N,) suggestions saves, less what it costs: below 0 for wrong ones."""
        gains = np.array([0.0, NEARLY_SHARE * self.drawn_s, self.click_s])
        return gains[fits] - self.verdict_s


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


def fits_of(iou: npt.NDArray[np.float64]) -> Fits:
    """Whether each suggestion is ``RIGHT``, ``NEARLY`` or ``WRONG``: (N,).

    iou: (N, G). A second one of the same object is wrong.
    """
    right = right_ones(iou, RIGHT_IOU)
    is_left = ~(iou[right] >= RIGHT_IOU).any(axis=0)  # who has a right one corrects none
    fits = np.where(right, RIGHT, WRONG)
    fits[~right] = np.where(right_ones(iou[~right][:, is_left], NEARLY_IOU), NEARLY, WRONG)
    return fits


def worthy_threshold(scores: npt.ArrayLike, fits: Fits, pace: Pace) -> WorthyThreshold:
    """The threshold at which (N,) scored suggestions save most time.

    scores: (N,). fits: (N,) of ``fits_of``. Raises ``Error`` for arrays that don't belong together,
    and where suggestions cost more than they save at any threshold.
    """
    scored = np.asarray(scores, np.float64)
    if scored.ndim != 1 or scored.shape != fits.shape:
        raise Error(f"scores {scored.shape} and fits {fits.shape} don't belong together")
    order = np.argsort(-scored, kind="stable")
    ranked, ranked_fits = scored[order], fits[order]
    saved = np.cumsum(pace.saved_s(ranked_fits))
    # Of equal scores all are kept, or none.
    saved[:-1][ranked[1:] == ranked[:-1]] = -np.inf
    best = int(saved.argmax()) if len(saved) else -1
    if best < 0 or saved[best] <= 0:
        raise Error(
            f"no threshold saves time: answering suggestions ({pace.verdict_s:.2f} s each) takes "
            f"longer than what is right of them saves ({pace.click_s:.1f} s each)"
        )
    kept = ranked_fits[: best + 1]
    right, nearly = (int((kept == fit).sum()) for fit in (RIGHT, NEARLY))
    return WorthyThreshold(float(ranked[best]), best + 1, right, nearly, float(saved[best]))
