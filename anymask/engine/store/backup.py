"""Backup: a copy of a store while it is in use, of one moment; and a store moved to a database.

A file is copied by SQLite itself. Between SQLite and PostgreSQL rows are copied, table by table.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from anymask.core.atomic import make_folder, writing
from anymask.engine.store.automation.tables import StageRow
from anymask.engine.store.connection.database import is_address
from anymask.engine.store.connection.failures import explained
from anymask.engine.store.store import Store
from anymask.errors import OutputError, StoreError

AT_ONCE = 2_000


def back_up(store: Store, to: str | os.PathLike[str]) -> None:
    """Copy a store to a file that is not there yet, or to an empty ``postgresql://`` database.

    The copy opens as a store. Nobody waits for it. Raises ``OutputError`` and ``StoreError``.
    """
    if is_address(to):
        with Store.open(to) as target:
            _copy_rows(store, target)
        return
    path = Path(to)
    if os.path.lexists(path):
        raise OutputError(f"{path} is there already; give the backup another name")
    make_folder(path.parent)
    with writing(path) as part:
        if store.path is not None:
            _copy_file(store, part)
        else:
            with Store.open(part) as target:
                _copy_rows(store, target)
        _settle(part)


def _copy_file(store: Store, part: Path) -> None:
    """By SQLite's own copying, all pages in one read transaction, which no writer waits for."""
    try:
        with closing(sqlite3.connect(part)) as target, store.engine.connect() as connection:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            source.backup(target)
    except sqlite3.Error as error:
        raise OutputError(f"{part} can't be written: {error}") from None
    except DBAPIError as error:
        raise explained(error, store.name) from error


def _settle(part: Path) -> None:
    """One file, without SQLite's others beside it, and on the disk."""
    try:
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise OutputError(f"{part} can't be written: {error}") from None
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _copy_rows(store: Store, target: Store) -> None:
    """Every row of every table, read in one moment, written in one transaction."""
    store.read(lambda source: target.write(_copy_tables, source, target.name))


def _copy_tables(goal: Session, source: Session, name: str) -> None:
    for table in StageRow.metadata.sorted_tables:  # all tables, the engine's too
        if goal.scalar(select(func.count()).select_from(table)):
            raise StoreError("invalid", f"{name} holds work already; give an empty database")
        _copy_table(goal.connection(), source.connection(), table)


def _copy_table(goal: Connection, source: Connection, table: Table) -> None:
    rows = source.execute(select(table), execution_options={"yield_per": AT_ONCE}).mappings()
    for some in rows.partitions():
        goal.execute(insert(table), [dict(row) for row in some])
    column = table.autoincrement_column
    if goal.dialect.name == "postgresql" and column is not None:
        last = select(func.max(column)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        goal.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))
