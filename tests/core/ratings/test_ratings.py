"""Ratings: what the file says, what holds of it, and who did not look."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from anymask.core.ratings.attention import attention_of
from anymask.core.ratings.rating import TRUTH, Kind, RatedMask, Rating, current
from anymask.core.ratings.rating_file import RatingHead, is_rating_file, read_rating_file
from anymask.errors import Error, ResultError

HEAD = RatingHead("0123", ("a@1", "b@2"), ("coins",), 0)
MASK = RatedMask("f00", Kind.answer, "a@1", "coins", "images/1.png", 3, 0.75)
FIRST = Rating("id-1", "Ada", 0, False, 7, 4.5, "2026-11-27T10:00:00+00:00", MASK)


def rated(kind: Kind, number: int, rating: int, item: str = "", repeat: bool = False) -> Rating:
    of = replace(MASK, kind=kind, item=item or f"item {number}")
    return replace(FIRST, id=f"id {number}", showing=number, rating=rating, of=of, is_repeat=repeat)


def test_a_rating_is_the_same_from_its_line() -> None:
    line = json.dumps(FIRST.to_json())
    assert Rating.from_json(json.loads(line)) == FIRST
    assert Rating.from_json({**FIRST.to_json(), "colour": "blue"}) == FIRST
    assert json.loads(line)["model"] == "a@1"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("rating", 11, "1 to 10"), ("rating", 0, "1 to 10"), ("kind", "nice", "damaged")],
)
def test_what_is_no_rating_is_refused(key: str, value: object, said: str) -> None:
    with pytest.raises(Error, match=said):
        Rating.from_json({**FIRST.to_json(), key: value})
    plain = FIRST.to_json()
    del plain[key]
    with pytest.raises(Error, match=f"no {key}"):
        Rating.from_json(plain)


def test_of_a_showing_the_last_rating_holds() -> None:
    corrected = replace(FIRST, id="id-2", rating=3)
    other = replace(FIRST, id="id-3", rater="Ben")
    assert current([FIRST, other, corrected]) == [corrected, other]


def write(path: Path, *lines: str, end: str = "") -> Path:
    path.write_text("".join(f"{line}\n" for line in (HEAD.line(), *lines)) + end)
    return path


def test_a_file_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    line = json.dumps(FIRST.to_json())
    path = write(tmp_path / "ratings.jsonl", line, end=line[:30])
    content = read_rating_file(path)
    assert content.head == HEAD
    assert content.ratings == (FIRST,)
    assert path.read_bytes()[: content.size].endswith(b"}\n")
    assert content.size == path.stat().st_size - 30
    assert is_rating_file(path)


def test_a_file_that_is_none_or_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ratings.jsonl"
    with pytest.raises(ResultError, match="can't be read"):
        read_rating_file(path)
    for content in ("", "{}\n", "[1]\n", "\xff\n"):
        path.write_text(content, encoding="latin-1")
        assert not is_rating_file(path)
        with pytest.raises(ResultError, match="no file of ratings"):
            read_rating_file(path)
    path.write_text('{"anymask_ratings": 2}\n')
    with pytest.raises(ResultError, match="another version"):
        read_rating_file(path)
    path.write_text('{"anymask_ratings": 1}\n')
    with pytest.raises(ResultError, match="first line"):
        read_rating_file(path)
    with pytest.raises(ResultError, match="in line 2: it is no JSON object"):
        read_rating_file(write(path, "7"))
    with pytest.raises(ResultError, match="in line 3: it has no id"):
        read_rating_file(write(path, json.dumps(FIRST.to_json()), "{}"))


def test_attention_by_hand() -> None:
    ratings = [
        rated(Kind.answer, 0, 5, "a"),
        rated(Kind.answer, 1, 5, "a", repeat=True),  # the same again
        rated(Kind.answer, 2, 9, "b"),
        rated(Kind.answer, 3, 5, "b", repeat=True),  # four less
        rated(Kind.wrong, 4, 4),
        rated(Kind.wrong, 5, 5),  # too much
        rated(Kind.right, 6, 7),
        rated(Kind.right, 7, 6),  # too little
    ]
    (one,) = attention_of(ratings)
    assert (one.rater, one.ratings, one.checks, one.failed) == ("Ada", 8, 6, 3)
    assert one.repeats == ((5, 5), (9, 5))
    assert one.seconds == 4.5
    assert one.is_inattentive
    assert not attention_of(ratings[:1])[0].checks


def test_one_slip_of_four_is_no_inattention() -> None:
    ratings = [rated(Kind.wrong, number, 1) for number in range(3)] + [rated(Kind.wrong, 3, 10)]
    assert not attention_of(ratings)[0].is_inattentive
    assert attention_of([*ratings, rated(Kind.wrong, 4, 10)])[0].is_inattentive
    assert not attention_of([rated(Kind.wrong, 0, 10), rated(Kind.wrong, 1, 10)])[0].is_inattentive


def test_a_corrected_check_counts_as_corrected() -> None:
    slip = rated(Kind.wrong, 0, 10)
    assert attention_of(current([slip, replace(slip, id="again", rating=1)]))[0].failed == 0


def test_the_truth_has_no_model_of_its_name() -> None:
    assert "@" not in TRUTH  # which ids of models have
