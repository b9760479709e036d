"""A store has one server at a time; a database may have several, which are told of each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from anymask.engine.only_server import only_server
from anymask.engine.store.connection.servers import counted_among_servers
from anymask.errors import Error

HOLDING = """
import os, sys
from pathlib import Path
from anymask.engine.only_server import only_server
with only_server(Path(sys.argv[1])) as note:
    note("http://127.0.0.1:8420/")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_server_is_told_the_address_of_the_first(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    with only_server(store) as note:
        with pytest.raises(Error, match="starts just now"), only_server(store):
            pass
        note("http://127.0.0.1:8421/")
        (tmp_path / "link.sqlite").symlink_to(store)
        with (
            pytest.raises(Error, match=r"at http://127\.0\.0\.1:8421/: open"),
            only_server(tmp_path / "link.sqlite"),
        ):
            pass
        with only_server(tmp_path / "another.sqlite"):
            pass
    with only_server(store):
        pass
    assert not list(tmp_path.glob(".*.server"))


def test_one_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    command = [sys.executable, "-c", HOLDING, str(store)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Error, match="8420"), only_server(store):
            pass
        process.kill()
        process.wait()
    with (
        only_server(store),
        pytest.raises(Error, match="starts just now"),  # not where the killed one was
        only_server(store),
    ):
        pass


def test_a_folder_that_takes_no_lock_keeps_nobody_out(tmp_path: Path) -> None:
    with only_server(tmp_path / "nowhere" / "store.sqlite") as note:
        note("http://127.0.0.1:8420/")
    assert not (tmp_path / "nowhere").exists()


def test_servers_of_one_database_know_of_each_other(database: str) -> None:
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with counted_among_servers(engine) as second:
        assert not second
        with counted_among_servers(engine) as has_other:
            assert has_other
    with counted_among_servers(engine) as again:
        assert not again
    engine.dispose()
