"""Settings: what is so of the whole project, under names."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from anymask.engine.store.tables import SettingRow

PROJECT_ID = "project_id"


def setting(session: Session, name: str, default: Any = None) -> Any:
    """What was set, as JSON has it."""
    row = session.get(SettingRow, name)
    return default if row is None else row.value


def put_setting(session: Session, name: str, value: Any) -> None:
    """Set it, in place of what it was."""
    session.merge(SettingRow(name=name, value=value))


def project_id(session: Session) -> str:
    """What tells this project from others of its name; made when first asked for, then kept.

    A copy of the store is the same project.
    """
    kept = setting(session, PROJECT_ID)
    if kept is None:
        kept = str(uuid4())
        put_setting(session, PROJECT_ID, kept)
    return str(kept)
