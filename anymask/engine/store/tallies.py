"""Tallies: what was done on each day, by whom, with which model: added up as it is done.

So figures cost the same however many masks there are. An undo takes a mask out of the tally that
it was made in, whoever undoes it, and a redo puts it back; the seconds that either takes are those
of its own day and annotator.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from sqlalchemy import inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from anymask.engine.store.tables import AnnotatorRow, Table, TalliedImageRow, TallyRow
from anymask.engine.store.values import Effort, Tally

CHOSEN = ("whole", "part", "subpart")
SUMS = (
    "images", "masks", "removed", "actions", "seconds", "clicks_add", "clicks_remove", "boxes",
    "strokes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """Which tally an action belongs to. model_id: empty where no model helped."""

    day: date
    annotator_id: int
    model_id: str


@dataclass(slots=True)
class TallySheet:
    """What the actions of one transaction add to tallies, and which images made masks in them."""

    sums: dict[Account, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    images: dict[Account, set[int]] = field(default_factory=lambda: defaultdict(set))

    def add_effort(self, account: Account, effort: Effort) -> None:
        """What an action took."""
        sums: Counter[str] = self.sums[account]
        sums["actions"] += 1
        for name in ("seconds", "clicks_add", "clicks_remove", "boxes", "strokes"):
            sums[name] += getattr(effort, name)
        if effort.chosen is not None:
            sums[CHOSEN[effort.chosen]] += 1

    def add_masks(self, account: Account, image_id: int, made: int, removed: int) -> None:
        """What came of it; negative for what is undone."""
        self.sums[account]["masks"] += made
        self.sums[account]["removed"] += removed
        if made > 0:
            self.images[account].add(image_id)

    def write(self, session: Session) -> None:
        """Add all of it to the tables."""
        # In one order, so that two transactions never wait for each other.
        for account in sorted(self.sums, key=lambda key: (key.day, key.annotator_id, key.model_id)):
            key = {
                "day": account.day,
                "annotator_id": account.annotator_id,
                "model_id": account.model_id,
            }
            images = [key | {"image_id": image_id} for image_id in sorted(self.images[account])]
            sums = self.sums[account]
            sums["images"] = insert_new(session, TalliedImageRow, images)
            added = {name: sums[name] for name in (*SUMS, *CHOSEN)}
            query = _insert(session)(TallyRow).values(**key, **added)
            table = TallyRow.__table__.c
            more = {name: table[name] + query.excluded[name] for name in added}
            session.execute(query.on_conflict_do_update(index_elements=list(key), set_=more))


def insert_new(session: Session, table: type[Table], rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows whose keys are not there yet, a thousand at most; how many they were."""
    if not rows:
        return 0
    key = next(iter(inspect(table).primary_key))
    query = _insert(session)(table).values(rows).on_conflict_do_nothing().returning(key)
    return len(session.execute(query).all())


def status(session: Session) -> tuple[Tally, ...]:
    """What was done, by day, annotator and model, the latest day first."""
    query = (
        select(TallyRow, AnnotatorRow.name)
        .join(AnnotatorRow, TallyRow.annotator_id == AnnotatorRow.id)
        .order_by(TallyRow.day.desc(), AnnotatorRow.name, TallyRow.model_id)
    )
    return tuple(
        Tally(
            day=row.day,
            annotator=name,
            model_id=row.model_id,
            chosen=(row.whole, row.part, row.subpart),
            **{sum_: getattr(row, sum_) for sum_ in SUMS},
        )
        for row, name in session.execute(query)
    )


def summed(
    tallies: Iterable[Tally], by: Sequence[Literal["day", "annotator", "model_id"]] = ()
) -> tuple[Tally, ...]:
    """Tallies added up over all but what ``by`` names, in the order of their first."""
    sums: dict[Tally, Tally] = {}
    for tally in tallies:
        key = Tally(**{name: getattr(tally, name) for name in by})
        before = sums.get(key, key)
        whole, part, subpart = (a + b for a, b in zip(before.chosen, tally.chosen))
        more: dict[str, Any] = {name: getattr(before, name) + getattr(tally, name) for name in SUMS}
        sums[key] = replace(before, chosen=(whole, part, subpart), **more)
    return tuple(sums.values())


def _insert(session: Session) -> Any:
    """The database's own INSERT, which says what to do where a key is there already."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert if is_sqlite else postgresql.insert
