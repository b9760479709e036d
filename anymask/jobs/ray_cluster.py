"""Many machines: work on a Ray cluster. The only file to import ray.

``spread`` is ``processes.spread`` on a cluster: each worker finds out by itself what is left to do.
``stream`` hands items to actors that keep what took long to load, and gives back an outcome for
each: what a lost machine had in hand is handed to another actor. Neither knows what the work is.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from anymask.errors import Error, MissingExtraError

try:
    import ray
    import ray.data
except ImportError as missing:
    raise MissingExtraError("ray", "ray") from missing

THREADS_PER_WORKER = 4
# Workers reserve this share of the processors, or of the card, that they use: when a machine is
# lost, its workers find room on the others and their items are not left waiting.
RESERVED = 0.5
ITEMS_PER_TASK, MOST_TASKS = 4, 20_000
POLL_S = 0.5

Job = TypeVar("Job")
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def join_cluster() -> None:
    """The cluster of ``$RAY_ADDRESS``, or one of this machine that ends with this process."""
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
    if "RAY_ADDRESS" in os.environ:
        ray.init(**quiet)
    else:
        ray.init("local", include_dashboard=False, **quiet)


def spread(
    work: Callable[[Job], None], job: Job, workers: int | None = None, device: str = "cpu"
) -> Iterator[None]:
    """Call ``work(job)`` on so many workers of the cluster; yields meanwhile.

    For jobs whose workers find out by themselves what is left to do, from a folder that all
    machines reach. workers: None: one for each card, or for each four processors. device: as
    ``anymask.load`` takes it. Raises ``Error``: what the work raised, or that the cluster gave up.
    """
    join_cluster()
    seat = _find_seat(device)
    task = ray.remote(num_cpus=seat.cpus, num_gpus=seat.gpus)(work)
    environment = {"env_vars": {"OMP_NUM_THREADS": str(seat.threads)}}
    waiting = [
        task.options(runtime_env=environment).remote(job)
        for _ in range(workers or seat.count_free())
    ]
    with _explaining():
        while waiting:
            ended, waiting = ray.wait(waiting, timeout=POLL_S)
            ray.get(ended)
            yield


def stream(
    start: Callable[[int], Callable[[Item], Outcome]],
    items: Sequence[Item],
    workers: int | None = None,
    device: str = "cpu",
) -> Iterator[Outcome]:
    """The outcome of each item, in the order in which they are known.

    start: called once by each actor, with the number of threads that it may use; what it returns is
    called with items. It, the items and the outcomes are pickled. workers, device: as ``spread``
    takes them. Raises ``Error`` as ``spread`` does.
    """
    join_cluster()
    ray.data.DataContext.get_current().enable_progress_bars = False  # the caller has one
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    seat = _find_seat(device)
    tasks = max(min(math.ceil(len(items) / ITEMS_PER_TASK), MOST_TASKS), 1)
    outcomes = ray.data.from_items(
        [{"item": pickle.dumps(item)} for item in items], override_num_blocks=tasks
    ).map(
        Actor,
        fn_constructor_args=(start, seat.threads),
        compute=ray.data.ActorPoolStrategy(size=min(workers or seat.count_free(), tasks)),
        num_cpus=seat.cpus,
        num_gpus=seat.gpus,
    )
    with _explaining():
        for row in outcomes.iter_rows():
            yield pickle.loads(row["outcome"])


class Actor:
    """What Ray Data keeps on a machine: rows of a pickled item in, of a pickled outcome out."""

    def __init__(self, start: Callable[[int], Callable[[Any], Any]], threads: int) -> None:
        self.work = start(threads)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Work on one item."""
        return {"outcome": pickle.dumps(self.work(pickle.loads(row["item"])))}


@dataclass(frozen=True)
class _Seat:
    """The room on a machine that a worker takes: a card, or some processors; and its threads."""

    on_card: bool
    threads: int

    @property
    def cpus(self) -> float:
        """What it reserves of the processors."""
        return RESERVED * self.threads

    @property
    def gpus(self) -> float | None:
        """What it reserves of a card."""
        return RESERVED if self.on_card else None

    def count_free(self) -> int:
        """How many of them the cluster has."""
        resources = ray.cluster_resources()
        count = resources["GPU"] if self.on_card else resources.get("CPU", 1) // self.threads
        return max(int(count), 1)


def _find_seat(device: str) -> _Seat:
    """What a worker for a device takes; ``auto`` takes cards if the cluster has any."""
    cards = ray.cluster_resources().get("GPU", 0)
    if device.startswith("cuda") and not cards:
        raise Error("the cluster has no cards; take --device cpu")
    on_card = device.startswith("cuda") or (device == "auto" and cards > 0)
    return _Seat(on_card, min(THREADS_PER_WORKER, _smallest_node()))


def _smallest_node() -> int:
    """Processors of the machine that has fewest, of those that have any."""
    counts = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    return int(min((count for count in counts if count), default=1))


@contextmanager
def _explaining() -> Iterator[None]:
    """Raise ``Error`` for what Ray raises: it wraps the cause in pages of its own."""
    try:
        yield
    except ray.exceptions.RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = lines[-1] if lines else type(error).__name__
        raise Error(f"the cluster gave up: {cause}; run it again to go on") from None
