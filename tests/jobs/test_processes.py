"""Several processes of this machine at one job: all work, and what goes wrong is said."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anymask.errors import Error, OutputError
from anymask.jobs.processes import THREADS, in_order, spread


def sign(folder: Path) -> None:
    """Leave a file of one's own that says how many threads one may use."""
    (folder / f"{os.getpid()}").write_text(os.environ[THREADS])


def fail(folder: Path) -> None:
    """Say what is wrong."""
    raise OutputError(f"{folder} can't be written")


def die(_: Path) -> None:
    """End as a process does that the system kills."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_each_process_works_with_its_share_of_the_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    monkeypatch.setenv(THREADS, "5")
    for _ in spread(sign, tmp_path, 2):
        pass
    signed = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert set(signed.values()) == {"3"}
    assert str(os.getpid()) not in signed
    assert os.environ[THREADS] == "5"


def test_what_a_process_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't be written"):
        list(spread(fail, tmp_path, 2))


def test_a_killed_process_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(Error, match="run the same command again"):
        list(spread(die, tmp_path, 2))


def slow_if_even(number: int) -> int:
    """Its square, later where it is even."""
    time.sleep(0.1 * (number % 2 == 0))
    return number * number


def fail_at_three(number: int) -> int:
    """Say what is wrong with a number."""
    if number == 3:
        raise OutputError("3 is wrong")
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_come_in_order(workers: int) -> None:
    squares = list(in_order(slow_if_even, range(20), workers))
    assert squares == [number * number for number in range(20)]
    assert list(in_order(slow_if_even, [], workers)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_comes_in_its_place(workers: int) -> None:
    outcomes = in_order(fail_at_three, range(100), workers)
    assert [next(outcomes) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OutputError, match="3 is wrong"):
        next(outcomes)


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with closing(in_order(slow_if_even, numbers(), 2)) as outcomes:
        next(outcomes)
        assert len(taken) < 20


def test_a_killed_process_is_an_error_where_outcomes_are_waited_for(tmp_path: Path) -> None:
    with pytest.raises(Error, match="a process was killed"):
        list(in_order(die, [tmp_path] * 3, 2))
