"""Runs: pieces of the engine's work, of which one of a kind runs at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from anymask.engine.store.automation.tables import RunRow
from anymask.engine.store.clock import current_time
from anymask.engine.store.refusals import RunningError

RunKind = Literal["prefill", "automatic", "retrain", "audit", "detector", "choose", "like"]
RunState = Literal["running", "ended", "stopped", "failed", "lost"]
LONGEST_NOTE = 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of the engine's work.

    host, process: where it runs. seen_at: when it last said that it lives, by the store's clock.
    done, total: of its units; None where nobody knows how many there are. note: what it ended with.
    """

    id: str
    kind: RunKind
    state: RunState
    host: str
    process: int
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    done: int
    total: int | None
    note: str


def begin_run(
    session: Session,
    kind: RunKind,
    host: str,
    process: int,
    total: int | None,
    is_lost: Callable[[Run, datetime], bool],
) -> Run:
    """Begin a run, where no other of its kind lives.

    is_lost: whether a run that was not ended is none any more, asked with the time now; it is noted
    as lost. Raises ``RunningError``, which says where and since when another runs.
    """
    now = store_time(session)
    query = select(RunRow).where(RunRow.kind == kind, RunRow.state == "running")
    other = session.scalar(query.with_for_update())
    if other is not None:
        if not is_lost(_value(other), now):
            raise RunningError(_refusal(_value(other)))
        other.state, other.ended_at = "lost", now
        session.flush()  # the index takes one that runs, so the other goes first
    row = RunRow(
        id=str(uuid4()), kind=kind, state="running", host=host, process=process, started_at=now,
        seen_at=now, ended_at=None, done=0, total=total, note="",
    )  # fmt: skip
    session.add(row)
    return _value(row)


def note_run(session: Session, run_id: str, done: int, total: int | None) -> bool:
    """Note that a run lives and how far it is; False if it was given up as lost meanwhile."""
    row = _running(session, run_id)
    if row is None:
        return False
    row.seen_at, row.done, row.total = store_time(session), done, total
    return True


def end_run(session: Session, run_id: str, state: RunState, done: int, note: str = "") -> bool:
    """Note how a run ended; False if it was given up as lost, and stays so."""
    row = _running(session, run_id)
    if row is None:
        return False
    now = store_time(session)
    row.state, row.seen_at, row.ended_at, row.done = state, now, now, done
    row.note = note[:LONGEST_NOTE]
    return True


def last_runs(session: Session) -> tuple[Run, ...]:
    """The last run of each kind, the latest first; as they are noted, living or not."""
    latest = (
        select(RunRow.kind, func.max(RunRow.started_at).label("started_at"))
        .group_by(RunRow.kind)
        .subquery()
    )
    is_latest = (RunRow.kind == latest.c.kind) & (RunRow.started_at == latest.c.started_at)
    query = select(RunRow).join(latest, is_latest).order_by(RunRow.started_at.desc(), RunRow.id)
    runs: dict[str, Run] = {}
    for row in session.scalars(query):  # of two in one millisecond, the one that lives
        if row.kind not in runs or row.state == "running":
            runs[row.kind] = _value(row)
    return tuple(runs.values())


def store_time(session: Session) -> datetime:
    """Now, by the clock that all who use the store share: hosts may differ by minutes."""
    if session.get_bind().dialect.name == "sqlite":
        return current_time()
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now


def _running(session: Session, run_id: str) -> RunRow | None:
    query = select(RunRow).where(RunRow.id == run_id, RunRow.state == "running")
    return session.scalar(query.with_for_update())


def _refusal(run: Run) -> str:
    so_far = f" of {run.total}" if run.total is not None else ""
    return (
        f"{run.kind} runs already: on {run.host}, process {run.process}, since "
        f"{run.started_at.astimezone():%Y-%m-%d %H:%M}, {run.done}{so_far} done; wait for it, or "
        "end it there"
    )


def _value(row: RunRow) -> Run:
    return Run(
        id=row.id,
        kind=cast(RunKind, row.kind),
        state=cast(RunState, row.state),
        host=row.host,
        process=row.process,
        started_at=row.started_at,
        seen_at=row.seen_at,
        ended_at=row.ended_at,
        done=row.done,
        total=row.total,
        note=row.note,
    )
