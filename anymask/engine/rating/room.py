"""Room: where several people rate the same masks, each in an order of their own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from anymask.core.ratings.rating import HIGHEST, LOWEST, Kind, Rating
from anymask.core.ratings.rating_file import RatingHead
from anymask.engine.rating.items import Item
from anymask.engine.rating.journal import Journal
from anymask.engine.rating.order import Showing, order_of
from anymask.errors import StoreError

LONGEST_NAME = 40
MOST_SECONDS = 24 * 3600.0
ORDERS_KEPT = 64


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a rater has come.

    total: of masks, those that are rated included. current: what is to be rated; None: all is.
    upcoming: what comes then. last: the number of what was rated last, to go back to.
    """

    rater: str
    done: int
    total: int
    current: Showing | None
    upcoming: Showing | None
    last: int | None


@dataclass(frozen=True)
class GivenRating:
    """What a page sends. id: of its own making; sent twice it is one."""

    id: str
    rater: str
    showing: int
    rating: int
    seconds: float


def head_of(items: Sequence[Item], models: Sequence[str], seed: int) -> RatingHead:
    """What a file of ratings says of items."""
    words = [str(seed), *(item.of.item for item in items)]
    plan = hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]
    data = dict.fromkeys(item.of.data for item in items if item.of.kind is Kind.answer)
    return RatingHead(plan, tuple(models), tuple(data), seed)


def rater_named(name: str) -> str:
    """A rater's name as the file has it. Raises ``StoreError`` for what is none."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise StoreError("invalid", f"a rater's name has 1 to {LONGEST_NAME} letters")
    return name


class Room:
    """Takes ratings and says what comes next. Threads may share it.

    per_mask: how many raters each mask is to have; None: all that there are.
    """

    def __init__(
        self, items: Sequence[Item], journal: Journal, seed: int, per_mask: int | None = None
    ) -> None:
        self.items, self._journal, self._per_mask = items, journal, per_mask
        self._turn = threading.Lock()
        self._order = lru_cache(ORDERS_KEPT)(lambda rater: order_of(items, rater, seed))
        self._ids: dict[str, Rating] = {}
        self._of_rater: dict[str, dict[int, Rating]] = {}
        self._raters_of_item: dict[str, set[str]] = {}
        for rating in journal.ratings:
            self._note(rating)

    @property
    def raters(self) -> list[str]:
        """Who has rated something."""
        with self._turn:
            return sorted(self._of_rater)

    @property
    def ratings(self) -> list[Rating]:
        """All that hold."""
        with self._turn:
            return [rating for of_one in self._of_rater.values() for rating in of_one.values()]

    def progress(self, rater: str) -> Progress:
        """How far a rater is. Raises ``StoreError`` for a name that is none."""
        with self._turn:
            return self._progress(rater_named(rater))

    def showing(self, rater: str, number: int) -> tuple[Showing, Rating | None, int | None]:
        """One that a rater may see, what they said of it, and the number of the one before it.

        Raises ``StoreError`` for what lies ahead.
        """
        rater = rater_named(rater)
        with self._turn:
            showing = self._open(rater, number)
            rated = self._of_rater.get(rater, {})
            before = max((other for other in rated if other < number), default=None)
            return showing, rated.get(number), before

    def rate(self, given: GivenRating) -> Progress:
        """Keep a rating, and say what comes next. Raises ``StoreError``."""
        rater = rater_named(given.rater)
        if not LOWEST <= given.rating <= HIGHEST:
            raise StoreError("invalid", f"a rating is {LOWEST} to {HIGHEST}, not {given.rating}")
        with self._turn:
            known = self._ids.get(given.id)
            if known is not None:
                if (known.rater, known.showing, known.rating) != (
                    rater,
                    given.showing,
                    given.rating,
                ):
                    raise StoreError("conflict", "another rating has this id already")
            else:
                showing = self._open(rater, given.showing)
                rating = Rating(
                    id=given.id,
                    rater=rater,
                    showing=showing.number,
                    is_repeat=showing.is_repeat,
                    rating=given.rating,
                    seconds=round(min(max(given.seconds, 0.0), MOST_SECONDS), 2),
                    at=datetime.now(UTC).isoformat(timespec="seconds"),
                    of=showing.item.of,
                )
                self._journal.append(rating)
                self._note(rating)
            return self._progress(rater)

    def _open(self, rater: str, number: int) -> Showing:
        """A showing that is rated, or no later than the one that is to be."""
        order = self._order(rater)
        current = self._progress(rater).current
        end = current.number if current else len(order) - 1
        if not 0 <= number <= end:
            raise StoreError("not_found", f"mask {number} is not to be rated yet")
        return order[number]

    def _progress(self, rater: str) -> Progress:
        rated = self._of_rater.get(rater, {})
        waiting = list(self._waiting(rater))
        current, upcoming = (*waiting[:2], None, None)[:2]
        return Progress(
            rater,
            len(rated),
            len(rated) + len(waiting),
            current,
            upcoming,
            max(rated, default=None),
        )

    def _waiting(self, rater: str) -> Iterator[Showing]:
        """What a rater is still to rate: not what enough others have."""
        rated = self._of_rater.get(rater, {})
        left_out: set[str] = set()
        for showing in self._order(rater):
            item = showing.item.of.item
            if showing.number in rated:
                continue
            enough = self._per_mask is not None and showing.item.of.kind is Kind.answer
            if enough and not showing.is_repeat:
                others = self._raters_of_item.get(item, set()) - {rater}
                if len(others) >= (self._per_mask or 0):
                    left_out.add(item)
            if item not in left_out:
                yield showing

    def _note(self, rating: Rating) -> None:
        self._ids[rating.id] = rating
        self._of_rater.setdefault(rating.rater, {})[rating.showing] = rating
        self._raters_of_item.setdefault(rating.of.item, set()).add(rating.rater)
