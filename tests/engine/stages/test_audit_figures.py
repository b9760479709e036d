"""The figures of an audit, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from anymask.engine.stages.audit_figures import Interval, Pairs, figures_of, thresholds_for
from anymask.evaluation.measures.bootstrap import Bootstrap

GONE = np.nan


@dataclass(frozen=True)
class Around:
    """An interval of a tenth to either side."""

    low: float
    high: float


def tenth(values: Sequence[float], images: Sequence[int]) -> Interval | None:
    """None where all values are of one image."""
    if len(set(images)) < 2:
        return None
    mean = sum(values) / len(values)
    return Around(mean - 0.1, mean + 0.1)


def pairs(
    ious: Sequence[float],
    images: Sequence[int] | None = None,
    areas: Sequence[float] | None = None,
    predicted: Sequence[float] | None = None,
    stable: Sequence[float] | None = None,
) -> Pairs:
    count = len(ious)
    return Pairs(
        np.array(images or [1] * count),
        np.array(ious, float),
        np.array(areas or [5000.0] * count),
        np.array(predicted or [0.9] * count),
        np.array(stable or [0.95] * count),
    )


def test_shares_by_hand() -> None:
    """Of ten masks two are deleted; of the pairs 4 of 8 are above 0.9, 6 of 8 above 0.75."""
    ious = [1.0, 1.0, 0.95, 0.91, 0.90, 0.80, 0.75, 0.2, GONE, GONE]
    figures = figures_of(pairs(ious, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]), tenth, 0.9)
    assert (figures["masks"], figures["pairs"], figures["images"]) == (10, 8, 2)
    assert figures["deleted"] == pytest.approx({"share": 0.2, "low": 0.1, "high": 0.3})
    assert figures["unchanged"]["share"] == 0.25
    assert figures["mean_iou"] == pytest.approx(6.51 / 8)
    above = {level: share["share"] for level, share in figures["share_above"].items()}
    assert above == {"0.9": 0.5, "0.75": 0.75}, "above, not at"
    assert figures["published"]["share_above"] == {"0.9": 0.94, "0.75": 0.97}


def test_by_size() -> None:
    """COCO's: 32² is medium, 96² is large."""
    areas = [1023.0, 1024.0, 9215.0, 9216.0]
    sizes = figures_of(pairs([0.95, 0.5, GONE, 0.8], areas=areas), tenth, 0.9)["by_size"]
    assert {name: (one["masks"], one["pairs"]) for name, one in sizes.items()} == {
        "small": (1, 1),
        "medium": (2, 1),
        "large": (1, 1),
    }
    above = {name: one["share_above"]["0.9"]["share"] for name, one in sizes.items()}
    assert above == {"small": 1.0, "medium": 0.0, "large": 0.0}
    assert sizes["medium"]["deleted"] == {"share": 0.5, "low": None, "high": None}


def test_nothing_has_no_share() -> None:
    figures = figures_of(pairs([]), tenth, 0.9)
    assert (figures["masks"], figures["mean_iou"], figures["deleted"]) == (0, None, None)
    assert figures["share_above"] == {"0.9": None, "0.75": None}
    assert figures["thresholds"] is None


def test_masks_of_one_image_are_drawn_together() -> None:
    """Ten images wholly good or wholly bad tell as little as ten masks, however many each has."""
    images = np.repeat(np.arange(10), 100).tolist()
    ious = np.repeat([1.0, 0.0], 500).tolist()
    share = figures_of(pairs(ious, images), Bootstrap().mean, 0.9)["share_above"]["0.9"]
    assert share["share"] == 0.5
    assert share["high"] - share["low"] > 0.5


def thresholds(wanted: float, given: Pairs, fewest: int = 1) -> tuple[float, ...] | None:
    suggested = thresholds_for(given, wanted, fewest=fewest)
    if suggested is None:
        return None
    names = ("pred_iou_thresh", "stability_score_thresh", "share", "kept")
    first, second, share, kept = (suggested[name] for name in names)
    return first, second, round(share, 3), kept


def test_the_lowest_thresholds_that_give_the_wanted_share() -> None:
    """Four good and one bad from 0.90 on are 80 %; from 0.92 on, four of four."""
    given = pairs(
        [0.5, GONE, 0.95, 0.95, 0.95, 0.95],
        predicted=[0.88, 0.90, 0.92, 0.94, 0.96, 0.98],
        stable=[0.95] * 6,
    )
    assert thresholds(0.6, given) == (0.88, 0.95, 0.667, 6)
    assert thresholds(0.8, given) == (0.90, 0.95, 0.8, 5)
    assert thresholds(0.9, given) == (0.92, 0.95, 1.0, 4)
    assert thresholds(0.9, given, fewest=5) is None, "too few to say so"


def test_both_scores_are_thresholds() -> None:
    """What the predicted IoU can't tell apart, the stability does; most masks are kept."""
    given = pairs(
        [0.95, 0.95, 0.1, 0.95],
        predicted=[0.90, 0.95, 0.95, 0.99],
        stable=[0.97, 0.98, 0.95, 0.96],
    )
    assert thresholds(1.0, given) == (0.90, 0.96, 1.0, 3)


def test_thresholds_never_drop_the_masks_that_they_come_from() -> None:
    """They are rounded down."""
    given = pairs([0.95, 0.95, 0.1], predicted=[0.95159, 0.9, 0.2], stable=[0.9876, 0.9999, 0.99])
    assert thresholds(1.0, given) == (0.9, 0.987, 1.0, 2)


def test_masks_without_scores_suggest_nothing() -> None:
    assert thresholds(0.5, pairs([0.95], predicted=[np.nan], stable=[0.9])) is None
