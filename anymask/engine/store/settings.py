"""Settings: what is so of the whole project, under names."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from anymask.engine.store.tables import SettingRow


def setting(session: Session, name: str, default: Any = None) -> Any:
    """What was set, as JSON has it."""
    row = session.get(SettingRow, name)
    return default if row is None else row.value


def put_setting(session: Session, name: str, value: Any) -> None:
    """Set it, in place of what it was."""
    session.merge(SettingRow(name=name, value=value))
