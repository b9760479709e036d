"""Scores: how right masks are where pixels count, and in the mean over groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def iou(mask: Mask, truth: Mask, counts: Mask) -> float:
    """Of two masks, where pixels count; 1 where both are empty."""
    union = int(((mask | truth) & counts).sum())
    return int((mask & truth & counts).sum()) / union if union else 1.0


def mean_of_means(measured: Mapping[Any, Sequence[float]]) -> float:
    """Every group counts alike, however much there is of it; 0 of none."""
    return float(np.mean([np.mean(values) for values in measured.values()])) if measured else 0.0
