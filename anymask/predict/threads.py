"""Independent pieces of work, each on one core.

A piece that fits a core's cache is best computed by that core alone: splitting its every product
among all cores costs more waiting than it saves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


def each_in_its_thread(
    work: Callable[[Piece], Answer], pieces: Iterable[Piece]
) -> Iterator[Answer]:
    """``map`` with as many pieces under way as torch has threads, each computed by one.

    Answers come in the order of the pieces; few of them wait, however slowly they are taken.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield from map(work, pieces)
        return
    pool = ThreadPoolExecutor(threads, "anymask", initializer=lambda: torch.set_num_threads(1))
    waiting: deque[Future[Answer]] = deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # torch gives new threads the number that was set last
