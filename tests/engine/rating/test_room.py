"""The room: what comes next, what is kept, what is refused."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from anymask.core.ratings.rating import Kind
from anymask.core.ratings.rating_file import read_rating_file
from anymask.engine.rating.items import items_of
from anymask.engine.rating.journal import Journal
from anymask.engine.rating.room import GivenRating, Room, head_of
from anymask.errors import ResultError, StoreError
from tests.engine.rating.conftest import MODELS, SEED, questions

OpenRoom = Callable[..., Room]


def rate(room: Room, rater: str = "Ada", rating: int = 7) -> int:
    """Rate what is shown; its number."""
    current = room.progress(rater).current
    assert current is not None
    room.rate(GivenRating(str(uuid.uuid4()), rater, current.number, rating, 2.0))
    return current.number


def test_a_rater_goes_through_all(open_room: OpenRoom, tmp_path: Path) -> None:
    room = open_room()
    total = room.progress("Ada").total
    assert [rate(room) for _ in range(total)] == list(range(total))
    done = room.progress("Ada")
    assert (done.done, done.current, done.upcoming, done.last) == (total, None, None, total - 1)
    kept = read_rating_file(tmp_path / "ratings.jsonl").ratings
    assert len(kept) == total
    assert {one.rater for one in kept} == {"Ada"}
    assert {one.of.model for one in kept if one.of.kind is Kind.answer} == {*MODELS, "truth"}


def test_it_goes_on_where_it_was(open_room: OpenRoom) -> None:
    room = open_room()
    for _ in range(5):
        rate(room)
    rate(room, "Ben")
    again = open_room()
    assert again.raters == ["Ada", "Ben"]
    assert (again.progress("Ada").done, again.progress("Ben").done) == (5, 1)
    assert rate(again) == 5
    assert again.progress("  Ada ").done == 6  # the same name


def test_a_rating_that_is_sent_twice_is_one(open_room: OpenRoom) -> None:
    room = open_room()
    given = GivenRating("the same id", "Ada", 0, 7, 1.0)
    room.rate(given)
    assert room.rate(given).done == 1
    again = open_room()
    assert again.rate(given).done == 1
    with pytest.raises(StoreError, match="id already"):
        again.rate(GivenRating("the same id", "Ada", 1, 7, 1.0))


def test_one_may_go_back_and_correct(open_room: OpenRoom) -> None:
    room = open_room()
    for rating in (3, 4, 5):
        rate(room, rating=rating)
    showing, rated, before = room.showing("Ada", 1)
    assert (showing.number, rated and rated.rating, before) == (1, 4, 0)
    progress = room.rate(GivenRating("correction", "Ada", 1, 9, 1.0))
    assert (progress.done, progress.current and progress.current.number) == (3, 3)
    assert sorted(one.rating for one in room.ratings) == [3, 5, 9]
    assert sorted(one.rating for one in open_room().ratings) == [3, 5, 9]


def test_nobody_looks_ahead(open_room: OpenRoom) -> None:
    room = open_room()
    rate(room)
    assert room.showing("Ada", 1)[1] is None
    for number in (2, 1000, -1):
        with pytest.raises(StoreError, match="not to be rated yet"):
            room.showing("Ada", number)
        with pytest.raises(StoreError, match="not to be rated yet"):
            room.rate(GivenRating("ahead", "Ada", number, 5, 1.0))


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "a\0b", "line\u2028end\x07"])
def test_names_that_are_none(open_room: OpenRoom, name: str) -> None:
    with pytest.raises(StoreError, match="name"):
        open_room().progress(name)


def test_each_mask_is_rated_by_so_many(open_room: OpenRoom) -> None:
    room = open_room(per_mask=1)
    alone = room.progress("Ada").total
    answers = 36
    for _ in range(10):
        rate(room, "Ben")
    left = room.progress("Ada").total
    assert left < alone
    while room.progress("Ada").current:
        rate(room)
    while room.progress("Ben").current:
        rate(room, "Ben")
    rated = [
        one.of.item for one in room.ratings if one.of.kind is Kind.answer and not one.is_repeat
    ]
    assert len(rated) == len(set(rated)) == answers


def test_a_file_of_other_masks_is_refused(open_room: OpenRoom, tmp_path: Path) -> None:
    open_room()
    other = items_of(questions(5), SEED)
    with pytest.raises(ResultError, match="another `anymask rate` writes"):
        Journal(tmp_path / "ratings.jsonl", head_of(other, MODELS, SEED))
    later = tmp_path / "later.jsonl"
    Journal(later, head_of(other, MODELS, SEED)).close()
    with pytest.raises(ResultError, match="other masks"):
        Journal(later, head_of(items_of(questions(6), SEED), MODELS, SEED))
    with pytest.raises(ResultError, match="other masks"):
        Journal(later, head_of(items_of(questions(5), SEED + 1), MODELS, SEED + 1))


def test_half_a_line_is_cut_off(open_room: OpenRoom, tmp_path: Path) -> None:
    room = open_room()
    rate(room)
    path = tmp_path / "ratings.jsonl"
    with path.open("ab") as file:
        file.write(b'{"id": "half a l')
    again = open_room()
    rate(again)
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_what_can_not_be_written_is_not_taken(
    open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = open_room()
    rate(room)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("anymask.engine.rating.journal.os.fsync", full)
        with pytest.raises(StoreError, match="No space left") as refused:
            rate(room)
        assert refused.value.kind == "storage"
        assert room.progress("Ada").done == 1
    assert rate(room) == 1
    assert open_room().progress("Ada").done == 2
