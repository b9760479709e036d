"""Database: SQLite or PostgreSQL behind one address, so that what is committed is on the disk."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from anymask.errors import StoreError

POSTGRES = ("postgresql", "postgres")
BUSY_MS = 2_000
CACHE_KB = 8_000  # a connection
CONNECTIONS, MORE_CONNECTIONS, POOL_TIMEOUT_S = 8, 32, 20
# A host that says nothing more, not even that it is gone, must not keep who waits for it.
POSTGRES_OPTIONS = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# How a transaction of SQLite begins: one that reads first and writes then could not wait for
# another writer; some statements want none.
WRITING = {"begin": "BEGIN IMMEDIATE"}
OUTSIDE = {"begin": ""}
MAGIC = b"SQLite format 3\0"
ON_CONNECT = (
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA synchronous = FULL",  # else a power failure takes what was acknowledged
    "PRAGMA foreign_keys = ON",
    f"PRAGMA cache_size = -{CACHE_KB}",
    "PRAGMA temp_store = MEMORY",
)


def is_address(where: str | os.PathLike[str]) -> bool:
    """Whether this is a database's address rather than a file."""
    return isinstance(where, str) and "://" in where


def connect(where: str | os.PathLike[str]) -> tuple[Engine, str, Path | None]:
    """An engine, the store's name for people, and its file if it is one.

    Nothing is opened yet but a look at the file. Raises ``StoreError``.
    """
    if is_address(where):
        return _postgres(str(where))
    path = Path(where).absolute()
    _check_file(path)
    return _sqlite(path), str(where), path


def _check_file(path: Path) -> None:
    """Raise ``StoreError`` for what is there already and no database of SQLite."""
    if path.is_dir():
        raise StoreError("invalid", f"{path} is a folder; a store is a file")
    if not path.parent.is_dir():
        raise StoreError("storage", f"there is no folder {path.parent} for the store {path.name}")
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError("storage", f"{path} can't be read: {error.strerror or error}") from None
    if head not in (b"", MAGIC):
        raise StoreError("invalid", f"{path} is no store: it is not of SQLite's format")


def _sqlite(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"check_same_thread": False},
        pool_size=CONNECTIONS,
        max_overflow=MORE_CONNECTIONS,
        pool_timeout=POOL_TIMEOUT_S,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not where Python thinks
        for pragma in ON_CONNECT:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get("begin", "BEGIN")
        if statement:
            connection.exec_driver_sql(statement)

    return engine


def _postgres(address: str) -> tuple[Engine, str, None]:
    try:
        url = make_url(address)
    except ArgumentError:
        raise StoreError("invalid", f"{address} is no address of a database") from None
    if url.drivername.split("+")[0] not in POSTGRES:
        raise StoreError(
            "invalid", f"{address} is no store: give a file, or an address postgresql://…"
        )
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=POSTGRES_OPTIONS,
        pool_pre_ping=True,  # connections die with a database that is restarted
        pool_size=CONNECTIONS,
        max_overflow=MORE_CONNECTIONS,
        pool_timeout=POOL_TIMEOUT_S,
    )
    return engine, url.render_as_string(hide_password=True), None
