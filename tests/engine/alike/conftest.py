"""Stores: files, and a database of PostgreSQL for what asks the store something of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.store.conftest import database, postgres, store

__all__ = ["database", "postgres", "store", "where"]


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return str(tmp_path / "work.anymask")
    return str(request.getfixturevalue("database"))
