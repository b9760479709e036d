"""Trial: how many images of a dataset can be learned from, found by reading them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.datasets.shards import is_shard
from anymask.errors import Error

Check = Callable[[Sample], None]  # raises ``Error`` for what can't be learned from

ENOUGH = 20  # images that are tried however long they take
PATIENCE_S = 5.0  # after which no more than ``ENOUGH`` are
NAMED = 5


@dataclass
class Trial:
    """What came of reading a dataset, or of a draw from it.

    parts: images or shards there are; tried: of those. images: that can be learned from, with so
    many masks. unread: images that can't be, and why. unread_masks: masks that can't be, of images
    that can. is_sharded: whether parts hold several images.
    """

    parts: int
    is_sharded: bool
    tried: int = 0
    images: int = 0
    masks: int = 0
    unread: list[Unread] = field(default_factory=list)
    unread_masks: list[Unread] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every image was read."""
        return self.tried == self.parts and not self.is_sharded

    def __str__(self) -> str:
        """As a person reads it, to stand before what the images are for."""
        if self.is_whole:
            return f"{_count(self.images, 'image')} with {_count(self.masks, 'mask')}"
        return _count(self.parts, "shard" if self.is_sharded else "image")

    def doubts(self) -> list[str]:
        """What was not read, and why; first how many were tried, if not all."""
        known = self.images + len(self.unread)
        lines = []
        if not self.is_whole:
            lines.append(
                f"{_count(known, 'image')} of them tried: {self.images} can be read, with "
                f"{_count(self.masks, 'mask')}"
            )
        for unread, noun in ((self.unread, "image"), (self.unread_masks, "mask")):
            if unread:
                # Of masks that can't be read, nobody knows of how many.
                number = f"{len(unread)} of {_count(known, noun)}"
                counted = number if noun == "image" else _count(len(unread), noun)
                reasons = "; ".join(f"{one.name}: {one.reason}" for one in unread[:NAMED])
                more = f"; and {len(unread) - NAMED} more" if len(unread) > NAMED else ""
                lines.append(f"{counted} can't be read: {reasons}{more}")
        return lines


def try_out(dataset: Dataset, check: Check, clock: Callable[[], float] = time.monotonic) -> Trial:
    """Read all parts in an order that only their names decide, or as many as patience allows."""
    trial = Trial(len(dataset), any(is_shard(part.name) for part in dataset.parts))
    start = clock()
    for part in _in_drawn_order(dataset):
        if trial.images + len(trial.unread) >= ENOUGH and clock() - start > PATIENCE_S:
            break
        _try_part(part, check, trial)
        trial.tried += 1
    return trial


def _in_drawn_order(dataset: Dataset) -> list[Part]:
    """Those that a small draw has first."""
    first = dataset.drawn(ENOUGH, 0)
    return [*first.parts, *dataset.without(first).parts]


def _try_part(part: Part, check: Check, trial: Trial) -> None:
    unread: list[Unread] = []
    readable = 0
    for sample in islice(part.samples(), ENOUGH):
        if isinstance(sample, Unread):
            unread.append(sample)
            continue
        try:
            check(sample)
        except (Error, MemoryError) as error:
            reason = str(error).removeprefix(f"{sample.name} ") or "does not fit in memory"
            trial.unread.append(Unread(sample.name, reason))
            continue
        readable += 1
        trial.images += 1
        trial.masks += sum(sample.is_object)
    # Beside an image that can be read, what can't is masks of it.
    is_of_masks = readable and not is_shard(part.name)
    (trial.unread_masks if is_of_masks else trial.unread).extend(unread)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else f'{noun}s'}"
