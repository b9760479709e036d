"""Coverage: which of many masks together cover what is likely, and little else.

The measure is what people judge by: the IoU that a mask can be expected to have with the truth,
where all that is known of the truth is how likely it is at each place.

Shape legend: N masks, L places.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats

LEAST_GAIN = 0.005  # of expected IoU: a mask that adds less is left out
EMPTY = 1e-6  # a sum that is none


def expected_iou(likeness: Floats, masks: Floats) -> Floats:
    """(N,) the IoU of masks (N, L), of 0 to 1, with something that is at L places as likely."""
    shared = masks @ likeness
    together = likeness.sum() + masks.sum(axis=-1) - shared
    return np.asarray(shared / np.maximum(together, EMPTY), np.float32)


def covering(likeness: Floats, masks: Floats, least_gain: float = LEAST_GAIN) -> list[int]:
    """The masks whose union is expected to fit best, taken one by one, the best first.

    likeness: (L,) in 0-1. masks: (N, L) of 0 to 1. Each adds ``least_gain`` to the expected IoU.
    """
    free = np.ones_like(likeness)
    shared, together = 0.0, float(likeness.sum())
    chosen: list[int] = []
    while len(chosen) < len(masks):
        gained_shared = shared + masks @ (free * likeness)
        gained_together = together + masks @ (free * (1 - likeness))
        gained = gained_shared / np.maximum(gained_together, EMPTY)
        best = int(gained.argmax())
        if gained[best] < shared / max(together, EMPTY) + least_gain:
            break
        chosen.append(best)
        shared, together = float(gained_shared[best]), float(gained_together[best])
        free = free * (1 - masks[best])
    return chosen


def union(masks: npt.NDArray[np.bool_], chosen: list[int]) -> npt.NDArray[np.bool_]:
    """(…) where any of the chosen of masks (N, …) is."""
    return np.asarray(masks[chosen].any(axis=0))
