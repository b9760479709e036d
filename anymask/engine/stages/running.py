"""Running: a piece of the engine's work that others can see, and of whose kind there is one."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from anymask.engine.store.automation.runs import (
    Run,
    RunKind,
    RunState,
    begin_run,
    end_run,
    last_runs,
    note_run,
    store_time,
)
from anymask.engine.store.refusals import RunningError
from anymask.engine.store.store import Store
from anymask.errors import StoreError

BEAT_S = 5.0
LOST_AFTER = timedelta(seconds=60)  # a dozen beats
PATIENCE_S = 150.0  # a database that is started again, or a disk that somebody empties

_ours: set[str] = set()  # ids of the runs of this process


class Running:
    """A run that lives. done: units so far. total: of them; may become known on the way."""

    def __init__(self, run: Run) -> None:
        self.id, self.kind = run.id, run.kind
        self.done, self.total = run.done, run.total
        self._is_lost = threading.Event()
        self._is_over = threading.Event()

    def step(self, done: int) -> None:
        """Say how many units are done.

        Raises ``RunningError`` where another took this run for lost, and runs in its place: what
        this one does would be done twice.
        """
        self.done = done
        self.check()

    def check(self) -> None:
        """Raise ``RunningError`` where another runs in the place of this."""
        if self._is_lost.is_set():
            raise RunningError(
                f"this {self.kind} was silent for over a minute, and another one was started: it "
                "goes on there"
            )

    def _beat(self, store: Store) -> None:
        """Say until the end that the run lives; a store that is away is asked again."""
        while not self._is_over.wait(BEAT_S):
            with suppress(StoreError):
                if not store.write(note_run, self.id, self.done, self.total):
                    self._is_lost.set()
                    return


@contextmanager
def running(
    store: Store,
    kind: RunKind,
    total: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Running]:
    """A run of the engine while the context lasts; the store is borne with if it is away.

    total: how many units it goes through. tell: takes a line where the store is away. However the
    process ends, the next run can begin: at once on the same host, after a minute on another.
    Raises ``RunningError`` where another of its kind runs.
    """
    run = store.write(begin_run, kind, socket.gethostname(), os.getpid(), total, is_lost)
    _ours.add(run.id)
    here = Running(run)
    beat = threading.Thread(target=here._beat, args=(store,), daemon=True)
    beat.start()
    state: RunState = "failed"
    note = ""
    try:
        with store.patient(PATIENCE_S, tell):
            yield here
            here.check()
            state = "ended"
    except KeyboardInterrupt:
        state = "stopped"
        raise
    except Exception as error:
        note = " ".join(str(error).split())
        raise
    finally:
        here._is_over.set()
        beat.join(BEAT_S)
        with suppress(StoreError):  # it says why above, and others see that the process is gone
            store.write(end_run, run.id, state, here.done, note)
        _ours.discard(run.id)


def is_lost(run: Run, now: datetime) -> bool:
    """Whether a run that was not ended is none any more: silent, or its process here is gone."""
    if now - run.seen_at > LOST_AFTER:
        return True
    if run.host != socket.gethostname():
        return False
    if run.process == os.getpid():  # a container begins anew with the same numbers
        return run.id not in _ours
    return not _lives(run.process)


def runs_now(store: Store) -> tuple[Run, ...]:
    """The last run of each kind as it is now, the latest first: one whose process died is lost."""
    now, runs = store.read(store_time), store.read(last_runs)
    return tuple(
        replace(run, state="lost") if run.state == "running" and is_lost(run, now) else run
        for run in runs
    )


def _lives(process: int) -> bool:
    """Whether there is a process of this number; True where the system does not say."""
    if os.name == "nt":  # to ask there would be to end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
