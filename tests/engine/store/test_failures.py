"""Full disks, read-only ones, a file that is moved, a database that is gone: told, nothing lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from anymask.engine.store.annotators import add_annotator
from anymask.engine.store.connection import database
from anymask.engine.store.documents import document
from anymask.engine.store.images import image_summary
from anymask.engine.store.store import Store
from anymask.errors import StoreError
from tests.engine.store.postgres import PostgresServer, programs
from tests.engine.store.steps import Page, add, annotator, image


def run(statement: str) -> Callable[[Session], object]:
    return lambda session: session.execute(text(statement))


def fill(desk: Page) -> None:
    """Work until something gives way."""
    for _ in range(200):
        desk.send(*(add() for _ in range(20)))


@pytest.mark.parametrize(
    ("break_it", "mend_it", "reason"),
    [
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 100000", "the disk is full"),
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF", "may not be written to"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_and_work_goes_on(
    sqlite_store: Store, break_it: str, mend_it: str, reason: str
) -> None:
    desk = Page(sqlite_store, image(sqlite_store), annotator(sqlite_store))
    sqlite_store.read(run(break_it))
    with pytest.raises(StoreError, match=reason) as refused:
        fill(desk)
    assert refused.value.kind == "storage"
    assert "\n" not in str(refused.value)
    shown = sqlite_store.read(document, desk.image_id)
    assert len(shown.masks) == shown.image.masks == shown.image.revision == len(shown.log)
    sqlite_store.read(run(mend_it))
    assert desk.send(add()).revision == shown.image.revision + 1


def test_a_disk_that_fails_under_the_store(tmp_path: Path) -> None:
    """No file of the process may grow beyond a size, as on a full disk."""
    code = """
import resource, signal
from pathlib import Path
from anymask.errors import StoreError
from anymask.engine.store.store import Store
from tests.engine.store.steps import add, page
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open("a.anymask")
desk, sent = page(store), 0
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
try:
    while True:
        sent = desk.send(*(add() for _ in range(20))).revision
except StoreError as error:
    print(error.kind, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
assert desk.send(add()).revision == sent + 1
print(sent)
"""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("storage the store a.anymask fails: ")
    with Store.open(tmp_path / "a.anymask") as store:
        assert store.read(image_summary, 1).masks == int(done.stdout.split()[-1]) + 1


def test_a_file_that_is_moved_takes_nothing_until_it_is_back(
    sqlite_store: Store, tmp_path: Path
) -> None:
    desk = Page(sqlite_store, image(sqlite_store), annotator(sqlite_store))
    path, away = tmp_path / "work.anymask", tmp_path / "away"
    path.rename(away)
    with pytest.raises(StoreError, match="was moved, deleted or replaced") as refused:
        desk.send(add())
    assert refused.value.kind == "storage"
    path.touch()
    with pytest.raises(StoreError, match="was moved"):
        desk.send(add())
    away.rename(path)
    assert desk.send(add()).revision == 1


def test_a_writer_that_does_not_end_makes_the_store_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ON_CONNECT", ("PRAGMA busy_timeout = 10",))
    path = tmp_path / "a.anymask"
    with Store.open(path) as store:
        desk = Page(store, image(store), annotator(store))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="is busy") as refused:
                desk.send(add())
            assert refused.value.kind == "busy"
            assert store.read(image_summary, desk.image_id).masks == 0, "readers don't wait"
        assert desk.send(add()).revision == 1


def test_work_that_fails_leaves_nothing(store: Store) -> None:
    def work(session: Session) -> None:
        add_annotator(session, "Ann", "admin")
        raise KeyError("a fault of ours")

    with pytest.raises(KeyError):
        store.write(work)
    store.write(add_annotator, "Ann", "admin")


@pytest.mark.slow
def test_a_database_that_is_gone_for_a_while() -> None:
    if programs() is None:
        pytest.skip("PostgreSQL is not here: install the package postgresql")
    with tempfile.TemporaryDirectory(prefix="pg") as folder, PostgresServer(Path(folder)) as server:
        server.execute("CREATE DATABASE work")
        with Store.open(server.address("work")) as store:
            desk = Page(store, image(store), annotator(store))
            desk.send(add())
            server.stop()
            for _ in range(2):
                with pytest.raises(StoreError) as refused:
                    desk.send(add())
                assert refused.value.kind == "storage"
                assert "\n" not in str(refused.value)
            server.start()
            assert desk.send(add()).revision == 2
