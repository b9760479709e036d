"""Promoting: whether a new model may take the place of the one in use, from figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What models are compared by. words: for people. tolerance: how much worse is not worse.

    is_error: whether less is better.
    """

    name: str
    words: str
    tolerance: float
    is_error: bool = False


# The tolerances are what chance alone does with some hundred held-out objects.
SAM_FIGURES = (
    Figure("miou_clicks", "mIoU over 1, 2 and 3 clicks", 0.005),
    Figure("found", "share of objects that everything-mode finds", 0.02),
    Figure("calibration_error", "error of the predicted IoU", 0.02, is_error=True),
)
DETECTOR_FIGURES = (
    Figure("ar_100_50", "AR@100 at IoU 0.5", 0.02),
    Figure("ap_50", "box AP at IoU 0.5", 0.02),
)


def surely_worse(gain: Mapping[str, float]) -> list[str]:
    """Whether one click is worth less, as a phrase or none: if its whole interval is below nothing.

    gain: ``Measured.gain``, empty where too little is held out to tell. The first click is decided
    so, and not by its mean: that was 0.9 points lower on sixty objects for a model that was 3.5
    points better on a thousand.
    """
    if not gain or gain["high"] >= 0:
        return []
    low, high = 100 * gain["low"], 100 * gain["high"]
    return [f"one click is worth less, by {-high:.1f} to {-low:.1f} points of mIoU"]


def worse(
    old: Mapping[str, float], new: Mapping[str, float], figures: tuple[Figure, ...]
) -> list[str]:
    """In which figures a new model is worse than an old one, a phrase each; empty: it may be used.

    old, new: the figures of both on the same images. One that the new model lacks, or that is no
    number, counts as worse; one that the old model lacks is not compared.
    """
    found = []
    for figure in figures:
        before, now = old.get(figure.name), new.get(figure.name)
        if before is None:
            continue
        if now is None or now != now:
            found.append(f"{figure.words} can't be told")
            continue
        loss = now - before if figure.is_error else before - now
        if loss > figure.tolerance:
            found.append(
                f"{figure.words} was {before:.3f} and is {now:.3f}, which is worse by more than "
                f"{figure.tolerance:g}"
            )
    return found
