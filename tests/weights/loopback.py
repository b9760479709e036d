"""A web server on this machine that can misbehave, and the file it is asked for."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from anymask.weights.fetch import cache_path
from anymask.weights.registry import WeightFile

# Larger than two chunks, so that progress and breaking off have something to happen in.
CONTENT = bytes(range(256)) * 3000
SIZE_BYTES = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """How the server answers for one path."""

    body: bytes = CONTENT
    status: int = 200
    breaks_after: int | None = None
    serves_ranges: bool = True
    range_start_shift: int = 0
    redirect_to: str = ""
    delay_s: float = 0.0


@dataclass
class Server:
    url: str
    paths: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def serve(self, path: str, behaviour: Behaviour | None = None) -> str:
        self.paths[path] = behaviour or Behaviour()
        return self.url + path

    def ranges(self) -> list[str]:
        return [asked for _, asked in self.requests]


class Handler(BaseHTTPRequestHandler):
    state: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.state.requests.append((self.path, asked))
        behaviour = self.state.paths.get(self.path)
        if behaviour is None:
            return self.send_error(404)
        time.sleep(behaviour.delay_s)
        if behaviour.redirect_to:
            self.send_response(302)
            self.send_header("Location", behaviour.redirect_to)
            return self.end_headers()
        if behaviour.status != 200:
            return self.send_error(behaviour.status)
        self.send_body(behaviour, asked if behaviour.serves_ranges else "")

    def send_body(self, behaviour: Behaviour, asked: str) -> None:
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start >= len(behaviour.body) > 0:
            return self.send_error(416)
        start += behaviour.range_start_shift if asked else 0
        rest = behaviour.body[start:]
        self.send_response(206 if asked else 200)
        if asked:
            end = len(behaviour.body) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(behaviour.body)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: behaviour.breaks_after])

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the tests' stderr."""


@contextmanager
def serving() -> Iterator[Server]:
    """A server with a port of its own, for as long as the block."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{http.server_port}")
    http.RequestHandlerClass = type("OwnHandler", (Handler,), {"state": state})
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def wanted(*places: str) -> WeightFile:
    return WeightFile("weights.bin", SHA256, SIZE_BYTES, places)


def place(file: WeightFile, content: bytes, ending: str = "") -> Path:
    path = cache_path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.with_name(path.name + ending)
    path.write_bytes(content)
    return path


def leftovers(file: WeightFile) -> list[str]:
    return sorted(path.name for path in cache_path(file).parent.iterdir())
