"""A running server whose store can't be had for a while: it says so, and goes on by itself."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from anymask.engine.store.values import Action
from tests.engine.api.page import as_json
from tests.engine.api.remote import Browser, free_port, serving
from tests.engine.store.postgres import PostgresServer, programs
from tests.engine.store.steps import add
from tests.modes import obeying_modes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

IMAGE = "/api/images/1"
READ = ("/api/project", "/api/images", IMAGE, "/api/images/2/thumbnail", "/api/next", "/health")


class Desk:
    """Somebody at the first image."""

    def __init__(self, port: int) -> None:
        self._browser = Browser(port)
        assert self.read(IMAGE) == 200
        status, lease = self.ask("POST", f"{IMAGE}/lease", {"token": None})
        assert status == 200, lease
        self._token = lease["token"]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return self._browser.ask(method, path, body)

    def read(self, path: str) -> int:
        return self._browser.status(path)

    def save(self, action: Action) -> int:
        """The status; what is refused for now says why in a line, and that it can't be kept."""
        body = {"token": self._token, "actions": [as_json(action)]}
        status, answer = self.ask("POST", f"{IMAGE}/actions", body)
        if status == 503:
            assert answer["kind"] in ("storage", "busy")
            assert "\n" not in answer["error"]
        return status

    def masks(self) -> list[str]:
        return [mask["id"] for mask in self.ask("GET", IMAGE)[1]["masks"]]


@contextmanager
def at_work(photos: Path, where: str) -> Iterator[Desk]:
    """A server with somebody at it. It must tell of no fault of its own."""
    port, errors = free_port(), photos.parent / "errors"
    with serving(photos, where, port, errors=errors):
        yield Desk(port)
    assert errors.read_text() == ""


def masks_of(*actions: Action) -> list[str]:
    return sorted(action.changes[0].mask_id for action in actions)


def test_a_database_that_is_stopped_and_started(photos: Path) -> None:
    if programs() is None:
        pytest.skip("PostgreSQL is not here: install the package postgresql")
    before, while_gone = add(), add()
    with tempfile.TemporaryDirectory(prefix="pg") as folder, PostgresServer(Path(folder)) as server:
        server.execute("CREATE DATABASE work")
        with at_work(photos, server.address("work")) as desk:
            assert desk.save(before) == 200
            server.stop()
            for _ in range(3):
                assert desk.save(while_gone) == 503
                assert [desk.read(path) for path in READ] == [503] * len(READ)
            server.start()
            assert desk.save(while_gone) == 200
            assert desk.save(while_gone) == 200, "sent twice is done once"
            assert sorted(desk.masks()) == masks_of(before, while_gone)
            assert [desk.read(path) for path in READ] == [200] * len(READ)


def test_a_file_that_another_keeps_locked(photos: Path, tmp_path: Path) -> None:
    path, action = tmp_path / "work.sqlite", add()
    with at_work(photos, str(path)) as desk:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert desk.save(action) == 503
            assert [desk.read(path) for path in READ] == [200] * len(READ)
        assert desk.save(action) == 200
        assert desk.masks() == masks_of(action)


def test_a_folder_that_is_away(photos: Path, tmp_path: Path) -> None:
    kept, action = tmp_path / "kept", add()
    kept.mkdir()
    with at_work(photos, str(kept / "work.sqlite")) as desk:
        away = kept.rename(tmp_path / "away")
        assert desk.save(action) == 503
        away.rename(kept)
        assert desk.save(action) == 200
        assert desk.masks() == masks_of(action)
        assert [desk.read(path) for path in READ] == [200] * len(READ)


def test_a_file_that_may_only_be_read(photos: Path, tmp_path: Path) -> None:
    kept, port, errors, action = tmp_path / "kept", free_port(), tmp_path / "errors", add()
    kept.mkdir()
    where = str(kept / "work.sqlite")
    with at_work(photos, where) as desk:
        assert desk.save(action) == 200
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    through = obeying_modes()
    for path in kept.iterdir():
        path.chmod(0o444)
    with serving(photos, where, port, through=through, errors=errors):
        browser = Browser(port)
        assert [browser.status(path) for path in READ] == [200] * len(READ)
        status, answer = browser.ask("POST", f"{IMAGE}/lease", {"token": None})
        assert (status, answer["kind"]) == (503, "storage")
        assert "may not be written to" in answer["error"]
        for path in kept.iterdir():
            path.chmod(0o644)
        again = add()
        desk = Desk(port)
        assert desk.save(again) == 200
        assert sorted(desk.masks()) == masks_of(action, again)
    assert errors.read_text() == ""
