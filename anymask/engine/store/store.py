"""Store: opened once, asked by functions that take a session.

    store = Store.open("photos.anymask")
    page = store.read(list_images, ImageFilter(states=("new",)))
    applied = store.write(apply_actions, image_id, annotator, token, actions)

What ``write`` has returned is on the disk. Everything is as many threads like it, and as many
processes.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from anymask.engine.store.connection.database import OUTSIDE, WRITING, connect
from anymask.engine.store.connection.failures import explained, is_passing, outlasts_its_cause
from anymask.engine.store.connection.migrating import migrate
from anymask.errors import StoreError

Given = ParamSpec("Given")
Result = TypeVar("Result")
Work = Callable[Concatenate[Session, Given], Result]

ATTEMPTS = 6
FIRST_PAUSE_S = 0.02
TURN_TIMEOUT_S = 10.0  # a page waits for an answer twice as long
PATIENT_PAUSE_S = 1.0


class Store:
    """An open store.

    name: for people. path: its file; None of a PostgreSQL store. engine: for this package alone.
    """

    def __init__(self, engine: Engine, name: str, path: Path | None) -> None:
        self.engine, self.name, self.path = engine, name, path
        self._turn = threading.Lock()  # SQLite has one writer; here they wait in a line
        self._file = _identity(path)
        self._patience_s = 0.0
        self._tell: Callable[[str], None] = lambda _: None
        if path is None:
            # What several statements read is of one moment, as in SQLite.
            snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            self._reading = engine.execution_options(**snapshot)
            self._writing = engine.execution_options()
        else:
            self._reading = engine.execution_options()
            self._writing = engine.execution_options(**WRITING)

    @classmethod
    def open(cls, where: str | os.PathLike[str]) -> Self:
        """Open a file of SQLite, or ``postgresql://…``; made where it is not there.

        An older store becomes one of this anymask. Raises ``StoreError`` for a newer one, for what
        is no store, and where the disk or the database can't be had.
        """
        engine, name, path = connect(where)
        try:
            _attempted(lambda: _prepare(engine, name, is_file=path is not None), name)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, name, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def read(self, work: Work[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """What ``work`` finds, all of it of one moment. Raises ``StoreError``."""

        def once() -> Result:
            with Session(self._reading, expire_on_commit=False) as session:
                return work(session, *given, **named)

        return self._done(once)

    def write(self, work: Work[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Do ``work`` whole or not at all; when this returns, it is on the disk.

        work: may be called again where another was in the way. Raises ``StoreError``.
        """

        def once() -> Result:
            self._check_file()
            with (
                self._in_turn(),
                Session(self._writing, expire_on_commit=False) as session,
                session.begin(),
            ):
                return work(session, *given, **named)

        return self._done(once)

    @contextmanager
    def patient(self, seconds: float, tell: Callable[[str], None]) -> Iterator[None]:
        """While the context lasts, ask a store that can't be had again for so long.

        For work that nobody waits for; all threads have the same patience. tell: takes a line when
        the waiting begins.
        """
        before = self._patience_s, self._tell
        self._patience_s, self._tell = seconds, tell
        try:
            yield
        finally:
            self._patience_s, self._tell = before

    def _done(self, once: Callable[[], Result]) -> Result:
        began = time.monotonic()
        is_first = True
        while True:
            try:
                return self._asked(once)
            except StoreError as error:
                is_away = error.kind in ("storage", "busy")
                if not is_away or time.monotonic() - began >= self._patience_s:
                    raise
                if is_first:
                    self._tell(f"{error}; it is asked again for {self._patience_s:.0f} s")
            is_first = False
            time.sleep(PATIENT_PAUSE_S)

    def _asked(self, once: Callable[[], Result]) -> Result:
        try:
            return _attempted(once, self.name)
        except StoreError as error:
            if outlasts_its_cause(error.__cause__):
                self.engine.dispose()  # all of them: those to one file share what they know of it
            raise

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self.path is None:
            yield
            return
        if not self._turn.acquire(timeout=TURN_TIMEOUT_S):
            raise StoreError("busy", f"the store {self.name} is busy: nothing is saved yet")
        try:
            yield
        finally:
            self._turn.release()

    def _check_file(self) -> None:
        """A file that was moved away takes writes, and nobody finds them again."""
        if self.path is not None and _identity(self.path) != self._file:
            raise StoreError(
                "storage",
                f"the store {self.name} was moved, deleted or replaced while it was open; nothing "
                "is saved until it is back",
            )


def _prepare(engine: Engine, name: str, *, is_file: bool) -> None:
    with engine.execution_options(**(WRITING if is_file else {})).begin() as connection:
        migrate(connection, name)
    if is_file:
        with engine.execution_options(**OUTSIDE).connect() as connection:
            # Readers don't wait for the writer then. It stays so in the file.
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def _attempted(once: Callable[[], Result], name: str) -> Result:
    """What a transaction gives, tried again for a while if another was in the way."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return once()
        except (DBAPIError, PoolTimeoutError) as error:
            if attempt == ATTEMPTS or not is_passing(error):
                raise explained(error, name) from error
        except OverflowError:  # SQLite's module raises Python's own
            raise StoreError("invalid", "a number is out of range") from None
        time.sleep(FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1))
    raise AssertionError("the last attempt returns or raises")


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file lies there; None if there is none."""
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
