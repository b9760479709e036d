"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket there, by nobody."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

PACKAGES = Path("/usr/lib/postgresql")  # Debian's, a folder for each version
USER = "tester"
# What the tests kill is the server, not the machine.
OPTIONS = "-c fsync=off -c listen_addresses='' -c max_connections=100"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs; None if it is not installed."""
    versions = sorted(PACKAGES.glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if versions:
        return versions[-1].parent
    return Path(on_path).parent if on_path else None


class PostgresServer:
    """A server that runs while the context lasts. folder: a short path, for its socket."""

    def __init__(self, folder: Path) -> None:
        found = programs()
        assert found is not None
        self._programs, self._folder, self._data = found, folder, folder / "data"

    def __enter__(self) -> Self:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self._folder, _unprivileged())
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={USER}")
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"{OPTIONS} -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """Stop it at once, as if it were killed."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def address(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://{USER}@/{database}?host={self._folder}"

    def execute(self, statement: str) -> None:
        """Have the server do something."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        user = _unprivileged() if os.geteuid() == 0 else None
        group = pwd.getpwnam(user).pw_gid if user else None
        done = subprocess.run(
            [self._programs / program, "-D", self._data, *arguments],
            user=user,
            group=group,
            extra_groups=[] if user else None,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def _unprivileged() -> str:
    """A user whom root can be."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
