"""Agreement between people, by hand."""

from __future__ import annotations

import pytest

from anymask.evaluation.measures.agreement import agreement_of


def test_by_hand() -> None:
    """Squares within: 1 each of two. By chance: 1 2 5 6 has 16+25+1+9+16+1 = 68, all ways 136."""
    found = agreement_of({"a": [1, 2], "b": [6, 5], "c": [9]})
    assert found is not None
    assert (found.things, found.pairs, found.difference, found.within) == (2, 2, 1, 1)
    assert found.alpha == pytest.approx(1 - (2 + 2) / (136 / 3))


def test_three_raters_are_three_pairs() -> None:
    """1 1 4: squares 0 9 9, both ways 36, by 2. All of it is the only thing: chance is the same."""
    found = agreement_of({"a": [1, 1, 4]})
    assert found is not None
    assert (found.pairs, found.difference) == (3, 2)
    assert found.within == pytest.approx(1 / 3)
    assert found.alpha == pytest.approx(0)


def test_all_alike_and_not_known() -> None:
    alike = agreement_of({"a": [3, 3], "b": [8, 8]})
    assert alike is not None
    assert alike.alpha == 1
    same = agreement_of({"a": [3, 3], "b": [3, 3]})
    assert same is not None
    assert same.alpha is None
    assert agreement_of({"a": [3], "b": [8]}) is None
    assert agreement_of({}) is None


def test_worse_than_chance_is_below_nothing() -> None:
    found = agreement_of({"a": [1, 9], "b": [9, 1]})
    assert found is not None
    assert found.alpha is not None
    assert found.alpha < 0
