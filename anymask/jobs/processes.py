"""Processes: several of this machine at one job."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from anymask.errors import Error

POLL_S = 0.5
THREADS = "OMP_NUM_THREADS"

WAITING = 4  # tasks for each process, done or under way

Job = TypeVar("Job")
Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


def spread(work: Callable[[Job], None], job: Job, workers: int) -> Iterator[None]:
    """Call ``work(job)`` in so many processes, which share the processors; yields meanwhile.

    For jobs whose workers find out by themselves what is left to do, from a folder. Raises what
    one of them raises, and ``Error`` if one was killed; what is done stays.
    """
    threads = max((os.cpu_count() or 1) // workers, 1)
    before = os.environ.get(THREADS)
    os.environ[THREADS] = str(threads)  # the processes to come read it when they load torch
    try:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, spawn, _end_with_parent) as pool:
            tasks = {pool.submit(work, job) for _ in range(workers)}
            while tasks:
                ended, tasks = wait(tasks, POLL_S, FIRST_EXCEPTION)
                for task in ended:
                    task.result()
                yield
    except BrokenProcessPool:
        raise Error("a process was killed; run the same command again to go on") from None
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


def in_order(
    work: Callable[[Task], Outcome], tasks: Iterable[Task], workers: int
) -> Generator[Outcome]:
    """What ``work`` gives for each task, in their order, from so many processes; one: this one.

    A few tasks a process are under way at a time, so that what is waited for stays small. Raises
    what one of them raises, and ``Error`` if a process was killed. Ctrl-C reaches this process
    alone; what is under way is ended first, so tasks should be short.
    """
    if workers == 1:
        yield from map(work, tasks)
        return
    spawn = multiprocessing.get_context("spawn")
    under_way: deque[Future[Outcome]] = deque()
    pool = ProcessPoolExecutor(workers, spawn, _work_for_parent)
    try:
        for task in tasks:
            under_way.append(pool.submit(work, task))
            if len(under_way) >= WAITING * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool:
        raise Error("a process was killed") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _work_for_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()


def _end_with_parent() -> None:
    """Whoever started this process may be killed; nobody would then stop it, or wait for it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait_for_the_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
