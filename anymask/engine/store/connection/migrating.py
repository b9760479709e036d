"""Migrating: a new database gets its tables, an older store becomes one of this anymask."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from anymask.errors import StoreError

SCRIPTS = Path(__file__).parents[1] / "migrations"
VERSION_TABLE = "anymask_version"
LOCK = 0x616E796D  # "anym": a number that PostgreSQL knows our lock by
LATEST = "head"


def migrate(connection: Connection, name: str, scripts: Path = SCRIPTS) -> None:
    """Bring a database to the schema of this anymask, within the connection's transaction.

    name: the store's, for messages. Raises ``StoreError`` for a newer store and for a database that
    holds something else.
    """
    if connection.dialect.name == "postgresql":  # SQLite's transaction excludes others already
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    script = ScriptDirectory.from_config(config)
    current = _current(connection, name)
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            "newer",
            f"the store {name} was made by a newer anymask (its schema is {current}, this anymask "
            f"knows those up to {script.get_current_head()}): pip install --upgrade anymask",
        )
    if current != script.get_current_head():
        command.upgrade(config, LATEST)


def _current(connection: Connection, name: str) -> str | None:
    """The version of a store's schema; None for an empty database."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
        return None if version is None else str(version)
    if tables:
        raise StoreError(
            "invalid",
            f"{name} is no store: it holds tables of something else ({', '.join(tables[:3])})",
        )
    return None
