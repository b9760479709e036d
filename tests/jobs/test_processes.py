"""Several processes of this machine at one job: all work, and what goes wrong is said."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from anymask.errors import Error, OutputError
from anymask.jobs.processes import THREADS, spread


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
