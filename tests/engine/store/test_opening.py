"""Opening: what is a store, an older one, a newer one, and what is none."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from anymask.engine.store.connection.database import WRITING
from anymask.engine.store.connection.migrating import SCRIPTS, VERSION_TABLE, migrate
from anymask.engine.store.images import list_images
from anymask.engine.store.settings import project_id, put_setting, setting
from anymask.engine.store.store import Store
from anymask.engine.store.tables import Table
from anymask.errors import StoreError
from tests.engine.store.steps import image

LATER = '''
"""A later schema."""
import sqlalchemy as sa
from alembic import op
revision = "later"
down_revision = "0004"
def upgrade():
    op.add_column("images", sa.Column("camera", sa.Text))
    {last}
'''


@contextmanager
def later_scripts(folder: Path, last: str = "") -> Iterator[Path]:
    """The migrations of an anymask to come, with one more."""
    scripts = folder / "migrations"
    shutil.copytree(SCRIPTS, scripts)
    (scripts / "versions" / "later.py").write_text(LATER.format(last=last))
    yield scripts


def test_migrations_make_what_the_tables_say(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Table.metadata) == []


def test_a_store_is_what_it_was(where: str) -> None:
    with Store.open(where) as store:
        image(store)
        store.write(put_setting, "model", {"id": "m"})
        store.write(put_setting, "model", {"id": "n"})
        project = store.write(project_id)
    with Store.open(where) as store:
        assert [one.name for one in store.read(list_images).images] == ["a.png"]
        assert store.read(setting, "model") == {"id": "n"}
        assert store.read(setting, "absent", 5) == 5
        assert store.write(project_id) == project


def test_an_older_store_is_migrated_and_a_newer_one_refused(where: str, tmp_path: Path) -> None:
    with Store.open(where) as store, later_scripts(tmp_path) as scripts:
        image(store)
        with store.engine.execution_options(**WRITING).begin() as connection:
            migrate(connection, "it", scripts)
            assert connection.scalar(text("SELECT camera FROM images")) is None
    with pytest.raises(StoreError, match="newer anymask") as refused:
        Store.open(where)
    assert refused.value.kind == "newer"
    assert "its schema is later" in str(refused.value)


def test_a_migration_that_fails_leaves_the_older_store(where: str, tmp_path: Path) -> None:
    with (
        Store.open(where) as store,
        later_scripts(tmp_path, "1 / 0") as scripts,
        pytest.raises(ZeroDivisionError),
        store.engine.execution_options(**WRITING).begin() as connection,
    ):
        migrate(connection, "it", scripts)
    with Store.open(where) as store, store.engine.connect() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("images")}
        assert "camera" not in columns


def test_a_database_of_something_else_is_no_store(where: str) -> None:
    with Store.open(where) as store, store.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {VERSION_TABLE} RENAME TO others"))
    with pytest.raises(StoreError, match="it holds tables of something else") as refused:
        Store.open(where)
    assert refused.value.kind == "invalid"


def test_what_is_no_store_is_refused_in_a_sentence(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    for where, message in (
        (picture, "not of SQLite's format"),
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "a.anymask", "there is no folder"),
        ("mysql://localhost/x", "give a file, or an address postgresql://"),
    ):
        with pytest.raises(StoreError, match=message) as refused:
            Store.open(where)
        assert "\n" not in str(refused.value)
    assert picture.read_bytes() == b"\x89PNG"


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.anymask"
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)
    with pytest.raises(StoreError, match="damaged") as refused:
        Store.open(path)
    assert refused.value.kind == "storage"


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be reached") as refused:
        Store.open(f"postgresql://me:secret@/x?host={tmp_path}")
    assert refused.value.kind == "storage"
    assert "secret" not in str(refused.value)


def test_an_empty_file_becomes_a_store_and_odd_names_are_names(tmp_path: Path) -> None:
    for name in ("empty", "what? 100%#1.anymask"):
        path = tmp_path / name
        path.touch()
        with Store.open(path) as store:
            image(store)
        assert path.stat().st_size > 0


def test_a_file_is_in_wal_mode_and_whole_when_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.anymask"
    with Store.open(path) as store:
        image(store)
        with store.engine.connect() as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
            assert connection.scalar(text("PRAGMA synchronous")) == 2
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["a.anymask"]
    with closing(sqlite3.connect(path)) as connection_:
        assert connection_.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_several_processes_make_one_store(where: str) -> None:
    code = f"from anymask.engine.store.store import Store; Store.open({where!r}).close()"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
