"""Progress on stderr: a bar with a rate and the time left, gone when the work is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

LINE_EVERY_S = 30.0


def tell(stage: str) -> None:
    """Say on stderr what is going on, where it is long and has no parts to count."""
    typer.echo(f"{stage} …", err=True)


@contextmanager
def download_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for a download; the function it gives takes the bytes that are here, and all bytes.

    Shows nothing before the first byte, so that cached files pass in silence.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    hidden = not console.is_terminal  # a log would get an empty line for each bar
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(label, total=None, visible=False)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield update


@dataclass
class Pace:
    """How far a job is, and how long the rest takes at the pace of what it did itself.

    total: how many units there are. unit: their noun, plural. clock: gives seconds. passed: units
    that are over; worked: those of them that were work, and not done before the job began.
    """

    total: int
    unit: str = "images"
    clock: Callable[[], float] = time.monotonic
    passed: int = 0
    worked: int = 0
    start_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.start_s = self.clock()

    def step(self, worked: bool) -> None:
        """Count one more unit as over, by work or because there was none to do."""
        self.passed += 1
        self.worked += worked

    def __str__(self) -> str:
        position = f"{self.passed}/{self.total} {self.unit}"
        if not self.worked:
            return position
        per_unit_s = (self.clock() - self.start_s) / self.worked
        rate = 60 / max(per_unit_s, 1e-9)
        pace = f"{position}, {rate:.{1 if rate < 100 else 0}f} a minute"
        left = self.total - self.passed
        return f"{pace}, {duration(per_unit_s * left)} left" if left else pace


def duration(seconds: float) -> str:
    """A length of time as a person says it: ``45 s``, ``12 min``, ``3 h 20 min``, ``6 d 4 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@contextmanager
def work_bar(total: int, unit: str = "images") -> Iterator[Callable[[bool, str], None]]:
    """A bar for long work. The function it gives is called after each unit.

    It takes whether the unit was work, and what to add to the line, if anything. Where stderr is no
    terminal, there is a line every half minute and at the end.
    """
    console = Console(stderr=True)
    pace = Pace(total, unit)
    if not console.is_terminal:
        yield from _lines(console, pace)
        return
    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(str(pace), total=total)

        def update(worked: bool, note: str = "") -> None:
            pace.step(worked)
            bar.update(task, completed=pace.passed, description=f"{pace}{note}")

        yield update


def _lines(console: Console, pace: Pace) -> Iterator[Callable[[bool, str], None]]:
    last_s = pace.start_s

    def update(worked: bool, note: str = "") -> None:
        nonlocal last_s
        pace.step(worked)
        if pace.clock() - last_s >= LINE_EVERY_S or pace.passed == pace.total:
            last_s = pace.clock()
            console.print(f"{pace}{note}", soft_wrap=True, highlight=False)

    yield update
