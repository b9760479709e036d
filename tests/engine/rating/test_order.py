"""The order in which masks are shown: whole, blind, the same every time, other for each rater."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core import rle
from anymask.core.ratings.rating import TRUTH, Kind
from anymask.engine.rating.items import A_RIGHT_ONE_IN, A_WRONG_ONE_IN, items_of
from anymask.engine.rating.order import A_REPEAT_IN, FAR_APART, order_of
from tests.engine.rating.conftest import MODELS, SEED, questions

RATERS = st.text(min_size=1, max_size=12)
COUNTS = st.integers(1, 90)
SEEDS = st.integers(0, 1000)


@settings(max_examples=25, deadline=None)
@given(COUNTS, RATERS, SEEDS)
def test_every_mask_is_shown_once_and_some_again(count: int, rater: str, seed: int) -> None:
    items = items_of(questions(count), seed)
    order = order_of(items, rater, seed)
    assert [showing.number for showing in order] == list(range(len(order)))
    first = [showing.item.of.item for showing in order if not showing.is_repeat]
    assert sorted(first) == sorted(item.of.item for item in items)
    again = [showing.item.of.item for showing in order if showing.is_repeat]
    assert len(set(again)) == len(again) == 3 * count // A_REPEAT_IN
    assert [one.item.of.item for one in order_of(items, rater, seed)] == [
        one.item.of.item for one in order
    ]


@settings(max_examples=25, deadline=None)
@given(COUNTS, RATERS, SEEDS)
def test_a_repeat_stands_far_behind_and_an_object_comes_back_late(
    count: int, rater: str, seed: int
) -> None:
    order = order_of(items_of(questions(count), seed), rater, seed)
    place = {one.item.of.item: one.number for one in order if not one.is_repeat}
    for showing in order:
        if showing.is_repeat:
            between = showing.number - place[showing.item.of.item] - 1
            assert between >= min(FAR_APART, 3 * count // 2) - 1
    answers = [one for one in order if one.item.of.kind is Kind.answer and not one.is_repeat]
    last: dict[object, int] = {}
    for number, showing in enumerate(answers):
        question = showing.item.of.question
        assert number - last.get(question, -count) > count // 2 - 1
        last[question] = number


def test_raters_and_seeds_have_orders_of_their_own() -> None:
    items = items_of(questions(20), SEED)

    def names(rater: str, seed: int) -> list[str]:
        return [one.item.of.item for one in order_of(items, rater, seed)]

    orders = [names("Ada", 0), names("Ben", 0), names("Ada", 1)]
    assert len({tuple(order) for order in orders}) == 3


def test_no_model_comes_first_more_often() -> None:
    """Of 60 objects and 30 raters: each of three is first about 600 times (sd 20)."""
    items = items_of(questions(60), SEED)
    first: Counter[str] = Counter()
    for rater in range(30):
        seen: set[object] = set()
        for showing in order_of(items, f"rater {rater}", SEED):
            of = showing.item.of
            if of.kind is Kind.answer and of.question not in seen:
                seen.add(of.question)
                first[of.model] += 1
    assert set(first) == {*MODELS, TRUTH}
    assert all(abs(count - 600) < 100 for count in first.values()), first


def test_the_checks_are_what_they_say() -> None:
    asked = questions(50)
    items = items_of(asked, SEED)
    answers = [item for item in items if item.of.kind is Kind.answer]
    assert Counter(item.of.model for item in answers) == dict.fromkeys((TRUTH, *MODELS), 50)
    wrong = [item for item in items if item.of.kind is Kind.wrong]
    right = [item for item in items if item.of.kind is Kind.right]
    assert (len(wrong), len(right)) == (150 // A_WRONG_ONE_IN, 150 // A_RIGHT_ONE_IN)
    truths = {(question.image): rle.decode(question.truth) for question in asked}
    for item in wrong:
        mask = rle.decode(item.segmentation)
        x, y = item.point
        assert mask.any()
        assert not mask[y, x]
        assert not (mask & truths[item.of.image]).any()
        assert item.of.iou == 0
    for item in right:
        mask = rle.decode(item.segmentation)
        x, y = item.point
        assert mask[y, x]
        assert 0.02 < mask.mean() < 0.5
    assert len({item.of.item for item in items}) == len(items)


def test_a_drawn_object_is_exactly_its_mask() -> None:
    from anymask.engine.rating.drawn import drawn_object

    for number in range(8):
        drawn = drawn_object(number, SEED)
        inside, outside = drawn.pixels[drawn.mask], drawn.pixels[~drawn.mask]
        assert len(np.unique(inside, axis=0)) == 1
        assert not (outside == inside[0]).all(axis=1).any()
