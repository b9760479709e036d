"""Attention: whether a rater looked at the masks, by those of which the answer is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from anymask.core.ratings.rating import Kind, Rating

WRONG_AT_MOST, RIGHT_AT_LEAST = 4, 7
REPEAT_WITHIN = 3  # of what the rater said before
ENOUGH_CHECKS = 3  # to say that somebody did not look
FAILED_SHARE = 0.25  # of the checks: more is no slip of the hand


@dataclass(frozen=True)
class Attention:
    """How a rater did.

    ratings: all that hold. checks, failed: how many of them have a known answer, and how many of
    those were not rated so. repeats: pairs of what the rater said of the same mask, first and
    again. seconds: the median for a mask.
    """

    rater: str
    ratings: int
    checks: int
    failed: int
    repeats: tuple[tuple[int, int], ...]
    seconds: float

    @property
    def is_inattentive(self) -> bool:
        """Whether too many checks failed."""
        return self.checks >= ENOUGH_CHECKS and self.failed > FAILED_SHARE * self.checks


def attention_of(ratings: Sequence[Rating]) -> list[Attention]:
    """Of every rater, by name. ratings: those that hold (``current``)."""
    raters = sorted({rating.rater for rating in ratings})
    return [_of_one(rater, [one for one in ratings if one.rater == rater]) for rater in raters]


def _of_one(rater: str, ratings: Sequence[Rating]) -> Attention:
    first = {one.of.item: one.rating for one in ratings if not one.is_repeat}
    repeats = tuple(
        (first[one.of.item], one.rating)
        for one in ratings
        if one.is_repeat and one.of.item in first
    )
    passed = [*_passed(ratings), *(abs(a - b) <= REPEAT_WITHIN for a, b in repeats)]
    return Attention(
        rater=rater,
        ratings=len(ratings),
        checks=len(passed),
        failed=passed.count(False),
        repeats=repeats,
        seconds=median(one.seconds for one in ratings),
    )


def _passed(ratings: Iterable[Rating]) -> Iterable[bool]:
    for one in ratings:
        if one.is_repeat:
            continue
        if one.of.kind is Kind.wrong:
            yield one.rating <= WRONG_AT_MOST
        elif one.of.kind is Kind.right:
            yield one.rating >= RIGHT_AT_LEAST
