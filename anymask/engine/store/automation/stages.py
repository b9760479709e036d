"""Stages: which one of the data engine's three the project is in (*Segment Anything* §4)."""

from __future__ import annotations

from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from anymask.engine.store.automation.tables import StageRow
from anymask.engine.store.values import STAGES, Stage


def current_stage(session: Session) -> Stage:
    """The stage that was entered last; the first where none was."""
    query = select(StageRow.stage).order_by(StageRow.number.desc()).limit(1)
    return cast(Stage, session.scalar(query) or STAGES[0])
