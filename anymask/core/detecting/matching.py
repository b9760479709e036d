"""Which of the detected objects are right: each is matched with one of those that are there.

Shape legend: D detected objects, the surest first, G true ones, T thresholds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ALMOST_ONE = 1 - 1e-10  # COCO's highest threshold
UNMATCHED = np.iinfo(np.int64).max

Numbers = npt.NDArray[np.int64]


def matched_by(iou: npt.NDArray[np.float64], thresholds: npt.ArrayLike) -> Numbers:
    """Which proposal each truth is matched to at each threshold: (T, G) numbers or ``UNMATCHED``.

    iou: (D, G). A proposal gets, of the truths that are left, the one that it fits best, the last
    of equals. None depends on later ones: of the first k alone, the same numbers would come out.
    """
    least = np.minimum(np.asarray(thresholds, np.float64), ALMOST_ONE)[:, None]
    matched = np.full((len(least), iou.shape[1]), UNMATCHED)
    each = np.arange(len(least))
    for number in np.flatnonzero((iou >= least.min()).any(axis=1)):
        free = (matched == UNMATCHED) & (iou[number] >= least)
        best = iou.shape[1] - 1 - np.where(free, iou[number], -1.0)[:, ::-1].argmax(axis=1)
        hits = free[each, best]
        matched[each[hits], best[hits]] = number
    return matched


def right_ones(iou: npt.NDArray[np.float64], least: float) -> npt.NDArray[np.bool_]:
    """Which of D detections have a truth of their own with an IoU of ``least`` or more: (D,).

    iou: (D, G). A second one of the same truth is wrong: somebody must take it away.
    """
    is_right = np.zeros(len(iou), bool)
    if iou.size:
        matched = matched_by(iou, [least])[0]
        is_right[matched[matched != UNMATCHED]] = True
    return is_right
