"""Audit figures: how good automatic masks are, from pairs with what annotators made of them (§5).

A mask that was deleted has no pair, and is counted apart. Masks of one image succeed and fail
together, so intervals come from drawing whole images again, never single masks.

Shape legend: N masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEVELS = (0.90, 0.75)  # of IoU; a pair is above
# Areas in pixels as COCO has them: from the first, below the second.
AREAS = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, np.inf)}
# Segment Anything §5, 500 images with about 50k masks; what others found two people to agree in.
PUBLISHED: dict[str, Any] = {
    "share_above": {"0.9": 0.94, "0.75": 0.97},
    "agreement_of_people": [0.85, 0.91],
}
STEP = 1000  # thresholds have three decimals
FEWEST = 50  # masks that a threshold must leave: of fewer, a share says little


class Interval(Protocol):
    """Where a share may lie."""

    @property
    def low(self) -> float:
        """From here."""

    @property
    def high(self) -> float:
        """To here."""


# The interval of the mean of N values that belong to N images; None where nobody can tell.
Spread = Callable[[Sequence[float], Sequence[int]], Interval | None]


@dataclass(frozen=True)
class Pairs:
    """Automatic masks and their corrections.

    images: (N,) ids. ious: (N,), of each with its correction; NaN where it was deleted. areas: (N,)
    pixels, of the automatic ones. predicted_iou, stability_score: (N,), NaN where it has none.
    """

    images: npt.NDArray[np.int64]
    ious: Numbers
    areas: Numbers
    predicted_iou: Numbers
    stability_score: Numbers

    @property
    def is_deleted(self) -> Flags:
        """(N,) whether an annotator said that it is no object."""
        return np.isnan(self.ious)

    def only(self, chosen: Flags) -> Pairs:
        """Those of (N,) flags."""
        return Pairs(
            self.images[chosen],
            self.ious[chosen],
            self.areas[chosen],
            self.predicted_iou[chosen],
            self.stability_score[chosen],
        )


def figures_of(pairs: Pairs, spread: Spread, wanted: float) -> dict[str, Any]:
    """All figures, as JSON has them: shares in 0-1, None where there is nothing to share.

    wanted: the share of masks above the first level that thresholds are to give.
    """
    sizes = {
        name: _figures(pairs.only((low <= pairs.areas) & (pairs.areas < high)), spread)
        for name, (low, high) in AREAS.items()
    }
    thresholds = thresholds_for(pairs, wanted)
    return {
        **_figures(pairs, spread),
        "images": len(np.unique(pairs.images)),
        "by_size": sizes,
        "published": PUBLISHED,
        "wanted": wanted,
        "thresholds": thresholds,
    }


def thresholds_for(
    pairs: Pairs, wanted: float, level: float = LEVELS[0], fewest: int = FEWEST
) -> dict[str, float | int] | None:
    """The lowest thresholds that leave masks of which a wanted share is above a level of IoU.

    Of all pairs of thresholds that do, those that leave the most masks; a deleted mask is above no
    level. None where no pair does and leaves ``fewest``.
    """
    scored = ~(np.isnan(pairs.predicted_iou) | np.isnan(pairs.stability_score))
    some = pairs.only(scored)
    if not len(some.ious):
        return None
    predicted, first = _steps(some.predicted_iou)
    stable, second = _steps(some.stability_score)
    shape = len(predicted), len(stable)
    kept = _at_least(first, second, np.ones(len(first)), shape)
    good = _at_least(first, second, _above(some.ious, level).astype(float), shape)
    fits = (kept >= fewest) & (good >= wanted * kept - 1e-9)
    if not fits.any():
        return None
    # The first of the largest is the lowest: rows and columns rise.
    row, column = np.unravel_index(int(np.where(fits, kept, 0).argmax()), shape)
    return {
        "pred_iou_thresh": float(predicted[row]),
        "stability_score_thresh": float(stable[column]),
        "share": float(good[row, column] / kept[row, column]),
        "kept": int(kept[row, column]),
    }


def _figures(pairs: Pairs, spread: Spread) -> dict[str, Any]:
    there = pairs.only(~pairs.is_deleted)
    return {
        "masks": len(pairs.ious),
        "pairs": len(there.ious),
        "mean_iou": float(there.ious.mean()) if len(there.ious) else None,
        "unchanged": _share(there.ious == 1, there.images, spread),
        "deleted": _share(pairs.is_deleted, pairs.images, spread),
        "share_above": {
            f"{level:g}": _share(_above(there.ious, level), there.images, spread)
            for level in LEVELS
        },
    }


def _share(
    flags: Flags, images: npt.NDArray[np.int64], spread: Spread
) -> dict[str, float | None] | None:
    if not len(flags):
        return None
    interval = spread(flags.astype(float).tolist(), images.tolist())
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {"share": float(flags.mean()), "low": low, "high": high}


def _above(ious: Numbers, level: float) -> Flags:
    """A deleted mask is not."""
    return np.nan_to_num(ious, nan=-1.0) > level


def _steps(scores: Numbers) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """Thresholds to try, rising, and of each score the number of the highest that it reaches."""
    steps = np.floor(scores * STEP + 1e-6).astype(np.int64)
    tried, which = np.unique(steps, return_inverse=True)
    return tried / STEP, which


def _at_least(
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    weights: Numbers,
    shape: tuple[int, int],
) -> Numbers:
    """The sum of the weights of all that reach a row and a column, for each."""
    cells = np.zeros(shape)
    np.add.at(cells, (first, second), weights)
    return cells[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
