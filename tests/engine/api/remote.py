"""A browser without a browser: JSON over a connection that is kept; and a server to ask."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
NO_ANSWER = (ConnectionError, http.client.HTTPException, TimeoutError)


class Browser:
    """Somebody's browser. token: theirs, where one is needed."""

    def __init__(self, port: int, token: str = "") -> None:
        self._port = port
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer. Raises one of ``NO_ANSWER``."""
        status, content = self._answer(method, path, body)
        return status, json.loads(content) if content else None

    def status(self, path: str) -> int:
        """The status of an answer, whatever is in it. Raises one of ``NO_ANSWER``."""
        return self._answer("GET", path)[0]

    def _answer(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._connection.connect()
            assert self._connection.sock is not None
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            content = None if body is None else json.dumps(body)
            self._connection.request(method, path, content, self._headers)
            response = self._connection.getresponse()
            answer = response.read()
        except NO_ANSWER:
            self._connection.close()
            self._connection = None
            raise
        return response.status, answer


@contextmanager
def serving(
    photos: Path,
    where: str,
    port: int,
    *team: str,
    through: tuple[str, ...] = (),
    errors: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A server that answers by now; killed at the end.

    through: what starts it. errors: a file for what it writes to standard error.
    """
    command = [sys.executable, "-m", "tests.engine.api.server", str(photos), where, str(port)]
    with (
        nullcontext() if errors is None else errors.open("a") as stderr,
        subprocess.Popen(
            [*through, *command, *team],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
