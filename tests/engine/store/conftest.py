"""Stores to test with: SQLite files, and databases of a PostgreSQL server of our own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from anymask.engine.store.store import Store
from tests.engine.store.postgres import PostgresServer, programs

NUMBERS = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server."""
    if programs() is None:
        pytest.skip("PostgreSQL is not here: install the package postgresql")
    with tempfile.TemporaryDirectory(prefix="pg") as folder, PostgresServer(Path(folder)) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty database."""
    name = f"test{next(NUMBERS)}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.address(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made: a file, or a database."""
    if request.param == "sqlite":
        return str(tmp_path / "work.anymask")
    return str(request.getfixturevalue("database"))


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """An empty store."""
    with Store.open(where) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in a file, for what is SQLite's alone."""
    with Store.open(tmp_path / "work.anymask") as opened:
        yield opened
