"""Processes: several of this machine at one job."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from anymask.errors import Error

POLL_S = 0.5
THREADS = "OMP_NUM_THREADS"

Job = TypeVar("Job")


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


def _end_with_parent() -> None:
    """Whoever started this process may be killed; nobody would then stop it, or wait for it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait_for_the_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
