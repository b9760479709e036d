"""Whatever a program sends, the server answers as its schema says, and never with a fault.

schemathesis, another's tool, makes requests of the schema: what fits it, and what does not.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient

from anymask.engine.api.workplace import Workplace
from anymask.engine.server import listen, url_of
from tests.engine.api.page import Page
from tests.engine.store.steps import add
from tests.environments import environments, python_with

SCHEMATHESIS = "schemathesis==4.32.5"
SECONDS, EXAMPLES = 60, 50  # of all; of an address
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "use_after_free",
)


@contextmanager
def answering(app: Any) -> Iterator[str]:
    """The application on a port of this machine; its address."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield url_of(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(
    place: tuple[Workplace, Any],
    client: TestClient,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Checked: no 5xx, and statuses, types and bodies as the schema has them.

    Not checked: that all that fits the schema is accepted. A schema can't say that a window has
    two ends, or which changes an undo makes. Nor that a refused method names all others: Starlette
    names those of one route.
    """
    python = python_with((SCHEMATHESIS,), environments(tmp_path_factory) / "schemathesis")
    page = Page(client)
    assert page.send(add(), add()).status_code == 200
    with answering(place[1]) as address:
        command = [python.with_name("schemathesis"), "run", f"{address}api/openapi.json"]
        bounds = ["--seed", "0", "--max-time", str(SECONDS), "--max-examples", str(EXAMPLES)]
        checks = ["--checks", ",".join(CHECKS), "--continue-on-failure", "--no-color"]
        done = subprocess.run(
            [*map(str, command), *bounds, *checks],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    print(*re.findall(r"^.*(?:generated|Tested).*$", done.stdout, re.MULTILINE), sep="\n")
    assert done.returncode == 0, done.stdout
    assert page.send(add()).status_code in (200, 409)
