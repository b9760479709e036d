"""Rating file: JSON lines, the first of which says what is rated, and a line a rating.

It only ever grows: who corrects a rating adds a line. What stands behind its last line break was
never acknowledged, because the program ended while it was being written.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymask.core.ratings.rating import Rating
from anymask.errors import Error, ResultError

FORMAT = 1
KEY = "anymask_ratings"
HEAD_BYTES = 64


@dataclass(frozen=True)
class RatingHead:
    """What is rated.

    plan: a hash of all that is shown and in which order. models: whose masks, in the order of their
    results, without the truth. data: the names of the data sets. seed: of the orders.
    """

    plan: str
    models: tuple[str, ...]
    data: tuple[str, ...]
    seed: int

    def line(self) -> str:
        """The first line of a file, without its end."""
        return json.dumps({KEY: FORMAT, **dataclasses.asdict(self)})

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> RatingHead:
        """Of the first line. Raises ``KeyError``, ``TypeError``."""
        models, data = tuple(plain["models"]), tuple(plain["data"])
        return cls(plain["plan"], models, data, plain["seed"])


@dataclass(frozen=True)
class RatingFile:
    """What a file holds. size: in bytes, up to the end of its last whole line."""

    head: RatingHead
    ratings: tuple[Rating, ...]
    size: int


def is_rating_file(path: Path) -> bool:
    """Whether a file says of itself that it is one, by its first bytes."""
    try:
        with path.open("rb") as file:
            return f'"{KEY}"'.encode() in file.read(HEAD_BYTES)
    except OSError:
        return False


def read_rating_file(path: Path) -> RatingFile:
    """Read a file of ``anymask rate``. Raises ``ResultError``."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultError(f"{path} can't be read: {error.strerror or error}") from None
    size = content.rfind(b"\n") + 1
    first, *lines = content[:size].split(b"\n")[:-1] or [b""]
    head = _head(path, first)
    ratings = [_rating(path, number, line) for number, line in enumerate(lines, start=2)]
    return RatingFile(head, tuple(ratings), size)


def _head(path: Path, line: bytes) -> RatingHead:
    plain = _object(line)
    if plain is None or KEY not in plain:
        raise ResultError(f"{path} is no file of ratings of anymask rate")
    if plain[KEY] != FORMAT:
        raise ResultError(f"{path} was written by another version of anymask rate")
    try:
        return RatingHead.from_json(plain)
    except (KeyError, TypeError):
        raise ResultError(f"{path} is damaged in its first line") from None


def _rating(path: Path, number: int, line: bytes) -> Rating:
    plain = _object(line)
    if plain is None:
        raise ResultError(f"{path} is damaged in line {number}: it is no JSON object")
    try:
        return Rating.from_json(plain)
    except Error as problem:
        raise ResultError(f"{path} can't be read in line {number}: {problem}") from None


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        plain = json.loads(line)
    except ValueError:
        return None
    return plain if isinstance(plain, dict) else None
