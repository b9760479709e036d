"""Only server: of a store that is a file, one server at a time, which others find."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from anymask.core.atomic import writing
from anymask.errors import Error, OutputError

ADDRESS = "address"


@contextmanager
def only_server(store: Path) -> Iterator[Callable[[str], None]]:
    """Keep other servers from a store while this one runs; gives what notes its address.

    The lock ends with the process, however that ends. Raises ``Error``, with the address, where
    another server runs. On a disk that has no locks nobody is kept from anything.
    """
    store = Path(os.path.realpath(store))  # a link is no other store
    noted = store.with_name(f".{store.name}.server")
    lock = FileLock(store.with_name(f"{noted.name}.lock"))
    is_locked = False
    try:
        if store.parent.is_dir():  # the lock would make it
            lock.acquire(timeout=0)
            is_locked = True
    except Timeout:
        raise Error(_line(store, noted)) from None
    except (OSError, NotImplementedError):
        pass
    _forget(noted)  # of one that was killed
    try:
        yield lambda address: _note(noted, address)
    finally:
        if is_locked:
            _forget(noted)
        lock.release()


def _line(store: Path, noted: Path) -> str:
    try:
        where = f"at {json.loads(noted.read_text(encoding='utf-8'))[ADDRESS]}"
    except (OSError, ValueError, KeyError, TypeError):
        where = "and starts just now"
    return f"`anymask annotate` runs already on {store}, {where}: open its page, or end it first"


def _note(noted: Path, address: str) -> None:
    facts = {ADDRESS: address, "pid": os.getpid()}
    with suppress(OSError, OutputError), writing(noted) as part:
        part.write_text(json.dumps(facts), encoding="utf-8")


def _forget(noted: Path) -> None:
    with suppress(OSError):
        noted.unlink(missing_ok=True)
