"""Serving: the annotation tool's HTTP on loopback for simulated annotators, without its page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from anymask.engine.annotate import Project, api, workplace
from anymask.engine.api.guard import Guard
from anymask.engine.server import listen, url_of
from anymask.engine.store.annotators import add_annotator, annotator_named, renew_token
from anymask.engine.store.store import Store
from anymask.errors import StoreError

NAME = "simulated"
STOP_S = 30.0


def staff(store: Store, count: int) -> list[str]:
    """The tokens of so many annotators, "simulated 1" and on; who was there has a new one."""
    return [_token(store, f"{NAME} {number}") for number in range(1, count + 1)]


@contextmanager
def serving(store: Store, project: Project) -> Iterator[str]:
    """The address of a server that runs meanwhile."""
    with workplace(store, project) as here, listen("127.0.0.1", 0) as listening:
        app = api()
        app.state.workplace = here
        app.add_middleware(Guard, workplace=here)
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), name="server")
        thread.start()
        try:
            yield url_of(listening)
        finally:
            server.should_exit = True
            thread.join(STOP_S)


def _token(store: Store, name: str) -> str:
    try:
        there = store.read(annotator_named, name)
    except StoreError as error:
        if error.kind != "not_found":
            raise
        return store.write(add_annotator, name, "annotator")[1]
    return store.write(renew_token, there.id)
