"""A client asks until it is answered, and says what is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from anymask.engine.simulation.client import Client, RefusedError
from anymask.errors import Error

BUSY = 503, {"error": "not now", "kind": "busy"}
FINE = 200, {"id": "p"}


@contextmanager
def answering(*answers: tuple[int, object]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers so in turn, and then the last again; its address, and what it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, answer = answers[min(len(seen), len(answers) - 1)]
            seen.append(f"{self.path} {self.headers.get('Authorization')}")
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join()


def test_a_busy_server_is_asked_again() -> None:
    with answering(BUSY, FINE) as (url, seen):
        client = Client(url, "t")
        assert client.project() == {"id": "p"}
        client.close()
    assert seen == ["/api/project Bearer t"] * 2


def test_a_refusal_is_said_as_it_is() -> None:
    with answering((403, {"error": "only the engine does", "kind": "forbidden"})) as (url, _):
        client = Client(url)
        with pytest.raises(RefusedError, match="only the engine does") as refused:
            client.project()
        client.close()
    assert refused.value.kind == "forbidden"


@pytest.mark.parametrize("answers", [(BUSY,), ((200, b"<html>"),)], ids=["busy", "another"])
def test_patience_ends(answers: tuple[tuple[int, object]]) -> None:
    with answering(*answers) as (url, _):
        client = Client(url, patience_s=0)
        with pytest.raises(Error):
            client.project()
        client.close()


def test_who_stops_does_not_wait() -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Error, match="does not answer"):
        Client("http://127.0.0.1:9", stopping=stopping).project()
