"""The feed: scenes without end, in an order that only seed and position decide.

All processes walk along one endless sequence of the dataset's parts, epoch after epoch, each epoch
in an order of its own (of parts with weights, as many are drawn as there are); process r of n takes
every n-th. What chance does with a sample depends on the seed and on its place in the sequence. So
a run that stops can go on exactly where it was, and n processes see what one process would.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.errors import DatasetError, Error

SHUFFLE_BUFFER = 64  # samples of a shard that are held to mix them; a few MB each at most
MOST_THREADS = 16  # that prepare scenes; NumPy, Pillow and OpenCV let others work meanwhile
AHEAD = 2  # samples for each of them, made ready before they are asked for

T = TypeVar("T")
# What chance is asked for: streams of random numbers that never meet.
ORDER, MIX, SCENE = range(3)


@dataclass(frozen=True, order=True)
class Position:
    """How far one process is: parts of the endless sequence that are done, samples of the next."""

    part: int = 0
    sample: int = 0


@dataclass(frozen=True)
class Served(Generic[T]):
    """What became of one sample: a scene, or why it was passed over; and where the next one is.

    left_out: what of the sample is not in the scene, told in the first epoch only.
    """

    name: str
    scene: T | None
    reason: str
    after: Position
    left_out: tuple[LeftOut, ...] = ()


class Feed(Generic[T]):
    """Serves scenes to one process, made ready by threads while the model computes.

    prepare: makes a scene of a sample and its own random generator; an ``Error`` that it raises is
    the reason for which the sample is passed over.
    start: of a process with ``rank`` among ``world``; a fresh one begins at its rank.
    """

    def __init__(
        self,
        dataset: Dataset,
        prepare: Callable[[Sample, np.random.Generator], T],
        seed: int,
        rank: int = 0,
        world: int = 1,
        start: Position | None = None,
    ) -> None:
        if len(dataset) < world:
            raise DatasetError(
                f"{dataset.location} has {len(dataset)} parts ({dataset.kind}): too few for "
                f"{world} processes"
            )
        self._dataset, self._prepare, self._seed, self._world = dataset, prepare, seed, world
        self._raw = self._samples(start or Position(rank))
        self._reader = ThreadPoolExecutor(1, "read")
        threads = min(max(2, (os.cpu_count() or 1) // world), MOST_THREADS)
        self._workers, self._ahead = ThreadPoolExecutor(threads, "prepare"), AHEAD * threads
        self._left_out: dict[str, list[LeftOut]] = {}
        self._waiting: deque[Future[Future[Served[T]]]] = deque()
        self._last_scene = start or Position(rank)

    def __enter__(self) -> Feed[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for pool in (self._reader, self._workers):
            pool.shutdown(wait=True, cancel_futures=True)

    def __next__(self) -> Served[T]:
        """Raises ``DatasetError`` if a whole epoch had nothing to learn from."""
        while len(self._waiting) <= self._ahead:
            self._waiting.append(self._reader.submit(self._read))
        served = self._waiting.popleft().result().result()
        if served.scene is not None:
            self._last_scene = served.after
        elif served.after.part > self._last_scene.part + max(len(self._dataset), self._world):
            raise DatasetError(
                f"nothing in {self._dataset.location} can be learned from; of {served.name}: "
                f"{served.reason}"
            )
        return served

    def first_epoch(self) -> Iterator[Served[T]]:
        """What a fresh feed serves until every part has been its turn once."""
        ends = len(self._dataset)
        while True:
            served = next(self)
            yield served
            if served.after.part >= ends:
                return

    def _read(self) -> Future[Served[T]]:
        place, after, sample = next(self._raw)
        return self._workers.submit(self._serve, place, after, sample)

    def _serve(self, place: Position, after: Position, sample: Sample | Unread) -> Served[T]:
        if isinstance(sample, Unread):
            return Served(sample.name, None, sample.reason, after)
        rng = np.random.default_rng([self._seed, SCENE, place.part, place.sample])
        left_out = tuple(self._left_out.pop(sample.name, ()))
        try:
            return Served(sample.name, self._prepare(sample, rng), "", after, left_out)
        except (Error, MemoryError) as error:
            reason = str(error) or type(error).__name__
            return Served(sample.name, None, reason, after)

    def _samples(self, start: Position) -> Iterator[tuple[Position, Position, Sample | Unread]]:
        """Samples from a position on, each with its own and the next one's. Never ends."""
        number, passed = start.part, start.sample
        while True:
            for i, (sample, is_last) in enumerate(_with_last(self._shuffled(number))):
                here = Position(number, i)
                after = Position(number + self._world) if is_last else Position(number, i + 1)
                if i >= passed:
                    yield here, after, sample
            number, passed = number + self._world, 0

    def _shuffled(self, number: int) -> Iterator[Sample | Unread]:
        """The samples of a part of the sequence, mixed within a buffer."""
        part = self._part(number)
        rng = np.random.default_rng([self._seed, MIX, number])
        held: list[Sample | Unread] = []
        for sample in _never_empty(part):
            if isinstance(sample, LeftOut):
                self._note(sample, number)
                continue
            held.append(sample)
            if len(held) >= SHUFFLE_BUFFER:
                yield held.pop(int(rng.integers(len(held))))
        for i in rng.permutation(len(held)):
            yield held[i]

    def _note(self, left_out: LeftOut, number: int) -> None:
        """Keep it until the sample that it is of is served."""
        if number < len(self._dataset):
            self._left_out.setdefault(left_out.name, []).append(left_out)

    def _part(self, number: int) -> Part:
        epoch, place = divmod(number, len(self._dataset))
        rng = np.random.default_rng([self._seed, ORDER, epoch])
        return self._dataset.parts[int(self._order(rng)[place])]

    def _order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The parts of an epoch: each once, or, where they have weights, by these."""
        weights = np.array([part.weight for part in self._dataset.parts])
        if (weights == weights[0]).all():
            return rng.permutation(len(weights))
        return rng.choice(len(weights), len(weights), p=weights / weights.sum())


def _never_empty(part: Part) -> Iterator[Sample | Unread]:
    is_empty = True
    for sample in part.read():
        is_empty = False
        yield sample
    if is_empty:
        yield Unread(part.name, "holds no samples")


def _with_last(items: Iterator[Sample | Unread]) -> Iterator[tuple[Sample | Unread, bool]]:
    """Each item, and whether it is the last."""
    held = next(items)
    for item in items:
        yield held, False
        held = item
    yield held, True
