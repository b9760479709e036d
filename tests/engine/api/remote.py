"""A browser without a browser: JSON over a connection that is kept; and a server to ask."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._connection.connect()
            assert self._connection.sock is not None
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            content = None if body is None else json.dumps(body)
            self._connection.request(method, path, content, self._headers)
            response = self._connection.getresponse()
            text = response.read()
        except NO_ANSWER:
            self._connection.close()
            self._connection = None
            raise
        return response.status, json.loads(text) if text else None


@contextmanager
def serving(photos: Path, where: str, port: int, *team: str) -> Iterator[subprocess.Popen[str]]:
    """A server that answers by now; killed at the end."""
    command = [sys.executable, "-m", "tests.engine.api.server", str(photos), where, str(port)]
    with subprocess.Popen(
        [*command, *team], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
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
