"""Failures: what SQLite and PostgreSQL report, as a ``StoreError`` with a line for a person."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from anymask.errors import StoreError

PRIMARY = 0xFF  # SQLite's code of an error, less its details
SQLITE_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it may not be written to",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened, or its folder takes no files",
    sqlite3.SQLITE_IOERR: "the disk fails",
    sqlite3.SQLITE_CORRUPT: "it is damaged; go back to a backup",
    sqlite3.SQLITE_NOTADB: "it is damaged, or no store; go back to a backup",
    sqlite3.SQLITE_TOOBIG: "something is larger than it takes",
}
# Connections that were opened while a file could not be written to stay so, and what they know of a
# file that failed may be wrong.
SQLITE_LASTING = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
)
POSTGRES_REASONS = {
    "53100": "the database's disk is full",
    "53300": "the database takes no more connections",
    "25006": "the database may not be written to",
    "28P01": "the database refuses the password",
    "28000": "the database refuses the user",
    "3D000": "there is no such database; make it with createdb",
    "42501": "the database forbids it to this user",
}
# Serialisation, deadlock, a lock not available.
POSTGRES_PASSING = ("40001", "40P01", "55P03")
POSTGRES_BAD_VALUE = "22"  # what its codes begin with
UNIQUE_VIOLATION = "23505"


def is_passing(error: DBAPIError | PoolTimeoutError) -> bool:
    """Whether the same may go well when it is tried again at once: another was in the way."""
    if isinstance(error, PoolTimeoutError):  # it waited long enough
        return False
    code, state = _sqlite_code(error), _sqlstate(error)
    if code is not None:
        return code & PRIMARY in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or code in (
            sqlite3.SQLITE_CONSTRAINT_UNIQUE,
            sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        )
    return state in (*POSTGRES_PASSING, UNIQUE_VIOLATION)


def outlasts_its_cause(error: BaseException | None) -> bool:
    """Whether SQLite's connections may go on failing when all is well again."""
    code = _sqlite_code(error) if isinstance(error, DBAPIError) else None
    return code is not None and code & PRIMARY in SQLITE_LASTING


def explained(error: DBAPIError | PoolTimeoutError, name: str) -> StoreError:
    """What a person is told. name: of the store."""
    if isinstance(error, PoolTimeoutError) or is_passing(error):
        return StoreError("busy", f"the store {name} is busy; it can be tried again")
    state = _sqlstate(error)
    if isinstance(error, IntegrityError) or (state or "").startswith(POSTGRES_BAD_VALUE):
        return StoreError("invalid", f"the store {name} takes no such value: {_line(error)}")
    code = _sqlite_code(error)
    reason = SQLITE_REASONS.get(code & PRIMARY) if code is not None else None
    reason = reason or POSTGRES_REASONS.get(state or "")
    if reason is not None:
        return StoreError("storage", f"the store {name} fails: {reason}")
    return StoreError("storage", f"the store {name} can't be reached: {_line(error)}")


def _line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _sqlite_code(error: DBAPIError) -> int | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code if isinstance(code, int) else None


def _sqlstate(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None
