"""Coverage: how well masks cover what is likely, and little else.

The measure is what people judge by: the IoU that a mask can be expected to have with the truth,
where all that is known of the truth is how likely it is at each place.

Shape legend: N masks, L places.
"""

from __future__ import annotations

import numpy as np

from anymask.core.geometry import Floats

EMPTY = 1e-6  # a sum that is none


def expected_iou(likeness: Floats, masks: Floats) -> Floats:
    """(N,) the IoU of masks (N, L), of 0 to 1, with something that is at L places as likely."""
    shared = masks @ likeness
    together = likeness.sum() + masks.sum(axis=-1) - shared
    return np.asarray(shared / np.maximum(together, EMPTY), np.float32)
