"""Calibration: whether a model's predicted IoU is what its masks turn out to have.

Everything-mode keeps masks by their predicted IoU, so a head that has lost its calibration keeps
nothing, or everything.

Shape legend: N masks, P objects, M masks of an object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.errors import Error

Numbers = npt.NDArray[np.floating]
BINS = 10
PRED_IOU, STABILITY = "pred_iou_thresh", "stability_score_thresh"
OFFICIAL_THRESHOLDS = {PRED_IOU: 0.88, STABILITY: 0.95}  # of the official generator
FOUND_IOU = 0.5  # a mask that overlaps an object by so much has found it


@dataclass(frozen=True)
class Bin:
    """Masks whose predicted IoU lies in [low, high): how many, and their means."""

    low: float
    high: float
    count: int
    predicted: float
    actual: float


def reliability(predicted: Numbers, actual: Numbers, bins: int = BINS) -> list[Bin]:
    """The occupied ones of equal bins over [0, 1], from (N,) predicted and actual IoUs.

    Predictions beyond 0 and 1, which a regression may give, belong to the outermost bins. Raises
    ``Error`` for arrays of different length and for numbers that are not finite.
    """
    predicted, actual = np.asarray(predicted).reshape(-1), np.asarray(actual).reshape(-1)
    if len(predicted) != len(actual):
        raise Error(f"{len(predicted)} predicted and {len(actual)} actual IoUs are no pairs")
    if not (np.isfinite(predicted).all() and np.isfinite(actual).all()):
        raise Error("a predicted or actual IoU is not finite")
    place = np.clip((predicted * bins).astype(int), 0, bins - 1)
    return [
        Bin(i / bins, (i + 1) / bins, int(inside.sum()), *_means(predicted, actual, inside))
        for i in range(bins)
        if (inside := place == i).any()
    ]


def expected_error(predicted: Numbers, actual: Numbers, bins: int = BINS) -> float:
    """The expected calibration error: |mean predicted - mean actual| of the bins, by their counts.

    After Naeini et al. 2015, with IoU in the place of accuracy. Raises ``Error`` as
    ``reliability``, and if there are no masks.
    """
    filled = reliability(predicted, actual, bins)
    total = sum(occupied.count for occupied in filled)
    if not total:
        raise Error("no masks: their calibration can't be measured")
    gaps = (occupied.count * abs(occupied.predicted - occupied.actual) for occupied in filled)
    return sum(gaps) / total


def found_share(
    predicted: Numbers, stability: Numbers, actual: Numbers, thresholds: Mapping[str, float]
) -> float:
    """The share of P objects that a mask above the thresholds finds; arguments (P, M) as below."""
    return float(_right_and_kept(predicted, stability, actual, thresholds)[0].any(axis=1).mean())


def suggested_thresholds(
    predicted: Numbers, stability: Numbers, actual: Numbers, at_least: float = 0.0
) -> dict[str, float]:
    """``pred_iou_thresh`` and ``stability_score_thresh`` for everything-mode.

    predicted, stability, actual: (P, M) predicted IoUs, stability scores and actual IoUs of the
    masks of P objects. A mask finds an object by an actual IoU of 0.5 or more.
    at_least: share of the objects that must be found, or as many as can be.

    Of all pairs of thresholds, in hundredths and no stricter than the official defaults: the one
    with the best F-score of objects found and masks that are right; of equal ones the strictest.
    Both thresholds, because training may soften logits as well as confidence. Empty if no object
    can be found.
    """
    can_be_found = float((np.asarray(actual) >= FOUND_IOU).any(axis=1).mean())
    best, best_score = dict[str, float](), 0.0
    for iou, stable in product(*map(_hundredths, OFFICIAL_THRESHOLDS.values())):
        pair = {PRED_IOU: iou, STABILITY: stable}
        right, kept = _right_and_kept(predicted, stability, actual, pair)
        recall = float(right.any(axis=1).mean())
        if recall == 0 or recall < min(at_least, can_be_found):
            continue
        precision = float(right.sum() / kept.sum())
        score = 2 * recall * precision / (recall + precision)
        if score >= best_score:
            best, best_score = pair, score
    return best


def read_thresholds(plain: Any) -> dict[str, float]:
    """Thresholds as a file has them. Raises ``ValueError`` or ``TypeError`` for other content."""
    values = {str(name): float(value) for name, value in dict(plain or {}).items()}
    if not set(values) <= set(OFFICIAL_THRESHOLDS) or not all(0 <= x <= 1 for x in values.values()):
        raise ValueError(f"{values} are no thresholds")
    return values


def _right_and_kept(
    predicted: Numbers, stability: Numbers, actual: Numbers, thresholds: Mapping[str, float]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which masks everything-mode would keep, and which of them are right: (P, M) each."""
    kept = np.asarray(predicted) > thresholds[PRED_IOU]
    kept &= np.asarray(stability) >= thresholds[STABILITY]
    return kept & (np.asarray(actual) >= FOUND_IOU), kept


def _hundredths(most: float) -> list[float]:
    return [i / 100 for i in range(round(most * 100) + 1)]


def _means(
    predicted: Numbers, actual: Numbers, inside: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    return float(predicted[inside].mean()), float(actual[inside].mean())
