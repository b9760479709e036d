"""Many machines: long jobs on a Ray cluster. The only file to import ray.

``segment_fleet`` does the job of ``jobs.many_images``, ``spread`` any that shares a folder.
Ray Data hands photographs to a pool of actors. Each has loaded the model once and does for a
photograph exactly what a single process does, with the same guarantees: what was killed with its
machine is done by another actor, and what is done is passed over. The folder of results and the
photographs must be reachable under the same path or URL from every machine.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymask.datasets.photographs import Photograph
from anymask.errors import Error, MissingExtraError
from anymask.jobs.folder import sweep
from anymask.jobs.many_images import (
    PARTS_FOLDER,
    Outcome,
    Settings,
    State,
    awaited,
    begin,
    target_of,
)
from anymask.predict.load import load

try:
    import ray
    import ray.data
except ImportError as missing:
    raise MissingExtraError("ray", "ray") from missing

THREADS_PER_ACTOR = 4
# Actors reserve this share of the processors, or of the card, that they use: when a machine is
# lost, its actors find room on the others and their photographs are not left waiting.
RESERVED = 0.5
IMAGES_PER_TASK, MOST_TASKS = 4, 20_000
ATTEMPTS, PAUSE_S, POLL_S = 3, 1.0, 0.5


@dataclass(frozen=True)
class Weights:
    """How an actor loads the model (``anymask.load``); ``model`` is what it must turn out to be."""

    weights: str
    device: str
    dtype: str
    offline: bool | None
    model: str


def segment_fleet(
    weights: Weights,
    photographs: Sequence[Photograph],
    out: Path,
    settings: Settings,
    actors: int | None = None,
) -> Iterator[Outcome]:
    """``everywhere.segment_all`` on the cluster of ``$RAY_ADDRESS``, or on one of this machine.

    actors: how many hold a model; None: one for each card, or for each four processors.
    Outcomes come in the order in which they are known. Raises ``Error`` and ``OutputError``.
    """
    out = out.resolve()
    _join_cluster()
    ray.data.DataContext.get_current().enable_progress_bars = False  # the caller has one
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    begin(out, settings, (target_of(one, out, settings.format) for one in photographs))
    on_card = _on_card(weights.device)
    threads = min(THREADS_PER_ACTOR, _smallest_node())
    pool = actors or _room(on_card, threads)
    tasks = min(math.ceil(len(photographs) / IMAGES_PER_TASK), MOST_TASKS)
    outcomes = ray.data.from_items(
        [_row(photograph) for photograph in photographs], override_num_blocks=max(tasks, 1)
    ).map(
        Worker,
        fn_constructor_args=(weights, str(out), settings, threads),
        compute=ray.data.ActorPoolStrategy(size=min(pool, max(tasks, 1))),
        num_cpus=RESERVED * threads,
        num_gpus=RESERVED if on_card else None,
    )
    try:
        for row in outcomes.iter_rows():
            yield Outcome(row["name"], State(row["state"]), row["masks"], row["reason"])
    except ray.exceptions.RayError as error:
        raise Error(f"the cluster gave up: {_cause(error)}; run it again to go on") from None
    finally:
        sweep(out / PARTS_FOLDER)


def spread(
    work: Callable[[Any], None], job: Any, device: str, workers: int | None = None
) -> Iterator[None]:
    """Call ``work(job)`` on as many workers as the cluster has room for; yields meanwhile.

    For jobs whose processes find out by themselves what is left to do, from a folder that all
    machines reach. workers: how many; None as ``segment_fleet``. Raises ``Error``: what the work
    raised, or that the cluster gave up.
    """
    _join_cluster()
    on_card = _on_card(device)
    threads = min(THREADS_PER_ACTOR, _smallest_node())
    task = ray.remote(num_cpus=RESERVED * threads, num_gpus=RESERVED if on_card else None)(work)
    environment = {"env_vars": {"OMP_NUM_THREADS": str(threads)}}
    waiting = [
        task.options(runtime_env=environment).remote(job)
        for _ in range(workers or _room(on_card, threads))
    ]
    try:
        while waiting:
            ended, waiting = ray.wait(waiting, timeout=POLL_S)
            ray.get(ended)
            yield
    except ray.exceptions.RayError as error:
        raise Error(f"the cluster gave up: {_cause(error)}; run it again to go on") from None


class Worker:
    """An actor: a model, and where its results go."""

    def __init__(self, weights: Weights, out: str, settings: Settings, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.sam = load(
            weights.weights, device=weights.device, dtype=weights.dtype, offline=weights.offline
        )
        if self.sam.model_id != weights.model:
            raise Error(f"{weights.weights} is another model on this machine: {self.sam.model_id}")
        self.out, self.settings = Path(out), settings

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The outcome of one photograph. What can't be read may be so for a moment only."""
        member = (row["offset"], row["size"]) if row["offset"] >= 0 else None
        photograph = Photograph(row["url"], row["name"], member)
        for attempt in range(ATTEMPTS):
            outcome = awaited(self.sam, photograph, self.out, self.settings)
            if outcome.state != State.broken:
                break
            time.sleep(PAUSE_S if attempt + 1 < ATTEMPTS else 0)
        return {
            "name": outcome.name,
            "state": str(outcome.state),
            "masks": outcome.masks,
            "reason": outcome.reason,
        }


def _join_cluster() -> None:
    """The cluster of ``$RAY_ADDRESS``, or one of this machine that ends with this process."""
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
    if "RAY_ADDRESS" in os.environ:
        ray.init(**quiet)
    else:
        ray.init("local", include_dashboard=False, **quiet)


def _row(photograph: Photograph) -> dict[str, Any]:
    offset, size = photograph.member or (-1, -1)
    return {"url": photograph.url, "name": photograph.name, "offset": offset, "size": size}


def _on_card(device: str) -> bool:
    """``auto`` takes cards if the cluster has any."""
    cards = ray.cluster_resources().get("GPU", 0)
    if device.startswith("cuda") and not cards:
        raise Error("the cluster has no cards; take --device cpu")
    return device.startswith("cuda") or (device == "auto" and cards > 0)


def _smallest_node() -> int:
    """Processors of the machine that has fewest, of those that have any."""
    counts = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    return int(min((count for count in counts if count), default=1))


def _room(on_card: bool, threads: int) -> int:
    """How many actors the cluster has room for."""
    resources = ray.cluster_resources()
    count = resources["GPU"] if on_card else resources.get("CPU", 1) // threads
    return max(int(count), 1)


def _cause(error: BaseException) -> str:
    """The last line of what went wrong: Ray wraps it in pages of its own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
