"""Tallies: what was done on each day, by whom, with which model: added up as it is done.

So figures cost the same however many masks there are. An undo takes a mask out of the tally that
it was made in, whoever undoes it, and a redo puts it back; the seconds that either takes are those
of its own day and annotator.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, field
from datetime import date
from functools import cache
from operator import attrgetter
from typing import Any, Literal

from sqlalchemy import Executable, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from anymask.engine.store.tables import AnnotatorRow, Table, TalliedImageRow, TallyRow, table_of
from anymask.engine.store.values import Effort, Tally

CHOSEN = ("whole", "part", "subpart")
SUMS = (
    "images", "masks", "removed", "automatic", "rejected", "actions", "seconds", "clicks_add",
    "clicks_remove", "boxes", "strokes",
)  # fmt: skip

KEY = ("stage", "day", "annotator", "model_id")
SUMS_OF = attrgetter(*SUMS)


@dataclass(frozen=True, slots=True)
class Account:
    """Which tally an action belongs to. model_id: empty where no model helped."""

    stage: str
    day: date
    annotator_id: int
    model_id: str


@dataclass(frozen=True, slots=True)
class Output:
    """What came of an action: masks. Suggested ones are none; what was imported, nobody made.

    automatic: of those made, how many no person drew. rejected: suggested ones, by a person.
    """

    made: int
    removed: int
    automatic: int = 0
    rejected: int = 0

    def times(self, sign: int) -> Output:
        """The same, or what undoes it for -1."""
        return Output(*(sign * count for count in astuple(self)))


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

    def add_output(self, account: Account, image_id: int, output: Output) -> None:
        """What came of it; negative for what is undone."""
        sums = self.sums[account]
        sums["masks"] += output.made
        sums["removed"] += output.removed
        sums["automatic"] += output.automatic
        sums["rejected"] += output.rejected
        if output.made > 0:
            self.images[account].add(image_id)

    def write(self, session: Session) -> None:
        """Add all of it to the tables."""
        # In one order, so that two transactions never wait for each other.
        for account in sorted(self.sums, key=astuple):
            key = asdict(account)
            images = [key | {"image_id": image_id} for image_id in sorted(self.images[account])]
            sums = self.sums[account]
            sums["images"] = insert_new(session, TalliedImageRow, images)
            added = {name: sums[name] for name in (*SUMS, *CHOSEN)}
            session.execute(_adding(_dialect(session)), key | added)


def insert_new(session: Session, table: type[Table], rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows whose keys are not there yet, a thousand at most; how many they were."""
    if not rows:
        return 0
    return len(session.execute(_inserting(_dialect(session), table), rows).all())


def status(session: Session) -> tuple[Tally, ...]:
    """What was done, by day, stage, annotator and model, the latest day first."""
    row = TallyRow
    keys = (row.stage, row.day, AnnotatorRow.name, row.model_id)
    query = (
        select(*keys, *(getattr(row, name) for name in (*SUMS, *CHOSEN)))
        .join(AnnotatorRow, row.annotator_id == AnnotatorRow.id)
        .order_by(row.day.desc(), row.stage, AnnotatorRow.name, row.model_id)
    )
    return tuple(
        Tally(**dict(zip(KEY, values)), **dict(zip(SUMS, values[len(KEY) :])), chosen=values[-3:])
        for values in map(tuple, session.execute(query))
    )


def summed(
    tallies: Iterable[Tally], by: Sequence[Literal["stage", "day", "annotator", "model_id"]] = ()
) -> tuple[Tally, ...]:
    """Tallies added up over all but what ``by`` names, in the order of their first."""
    sums: dict[tuple[Any, ...], list[Any]] = {}
    for tally in tallies:
        key = tuple(getattr(tally, name) for name in by)
        numbers = [*SUMS_OF(tally), *tally.chosen]
        before = sums.get(key)
        sums[key] = numbers if before is None else [a + b for a, b in zip(before, numbers)]
    return tuple(
        Tally(
            **dict(zip(by, key)),
            **dict(zip(SUMS, numbers)),
            chosen=(numbers[-3], numbers[-2], numbers[-1]),
        )
        for key, numbers in sums.items()
    )


# These two are made once: making and compiling them takes longer than the database does.
@cache
def _inserting(dialect: str, rows: type[Table]) -> Executable:
    """The statement that inserts rows whose keys are not there yet, and gives one for each."""
    table = table_of(rows)
    query = _insert(dialect)(table).on_conflict_do_nothing()
    inserting: Executable = query.returning(next(iter(table.primary_key)))
    return inserting


@cache
def _adding(dialect: str) -> Executable:
    """The statement that adds sums to a tally, or begins it."""
    table = table_of(TallyRow)
    query = _insert(dialect)(table)
    more = {name: table.c[name] + query.excluded[name] for name in (*SUMS, *CHOSEN)}
    adding: Executable = query.on_conflict_do_update(index_elements=table.primary_key, set_=more)
    return adding


def _insert(dialect: str) -> Any:
    """The database's own INSERT, which says what to do where a key is there already."""
    return sqlite.insert if dialect == "sqlite" else postgresql.insert


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name
