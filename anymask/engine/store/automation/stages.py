"""Stages: which one of the data engine's three the project is in (*Segment Anything* §4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from anymask.engine.store.automation.tables import StageRow
from anymask.engine.store.checks import checked_text
from anymask.engine.store.clock import current_time
from anymask.engine.store.values import STAGES, Stage
from anymask.errors import StoreError

LONGEST_REASON = 1_000


@dataclass(frozen=True, slots=True)
class StageEntry:
    """That the project entered a stage, and why. number: from 1 on."""

    number: int
    stage: Stage
    entered_at: datetime
    reason: str


def current_stage(session: Session) -> Stage:
    """The stage that was entered last; the first where none was."""
    query = select(StageRow.stage).order_by(StageRow.number.desc()).limit(1)
    return cast(Stage, session.scalar(query) or STAGES[0])


def enter_stage(session: Session, stage: Stage, reason: str, before: Stage) -> StageEntry:
    """Enter a stage: what is done from now on counts as done in it.

    before: the stage that the reason is about. Raises ``StoreError`` where another was entered
    meanwhile.
    """
    reason = checked_text(reason, "a reason", LONGEST_REASON)
    now = current_stage(session)
    if now != before:
        raise StoreError("conflict", f"somebody entered {now} meanwhile; look again")
    number = (session.scalar(select(func.max(StageRow.number))) or 0) + 1
    row = StageRow(number=number, stage=stage, entered_at=current_time(), reason=reason)
    session.add(row)
    return _value(row)


def stage_history(session: Session) -> tuple[StageEntry, ...]:
    """All entries, the first first; none where the project is in the first stage still."""
    return tuple(_value(row) for row in session.scalars(select(StageRow).order_by(StageRow.number)))


def _value(row: StageRow) -> StageEntry:
    return StageEntry(row.number, cast(Stage, row.stage), row.entered_at, row.reason)
