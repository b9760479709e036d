"""Progress: what a person reads of a long job, and what a log gets."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from anymask.cli import progress
from anymask.cli.progress import Pace, duration, work_bar


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h 0 min"), (12_000, "3 h 20 min"),
        (47 * 3600, "47 h 0 min"), (49 * 3600, "2 d 1 h"), (11e6 * 30, "3819 d 10 h"),
    ],
)  # fmt: skip
def test_durations_as_a_person_says_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_was_done_before_says_nothing_of_the_pace() -> None:
    times = iter([0.0, 30.0, 30.0])
    pace = Pace(total=412, clock=lambda: next(times))
    for _ in range(10):
        pace.step(worked=False)
    assert str(pace) == "10/412 images"
    for _ in range(2):
        pace.step(worked=True)
    assert str(pace) == "12/412 images, 4.0 a minute, 1 h 40 min left"
    pace.total = 12
    assert str(pace) == "12/12 images, 4.0 a minute"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed on a terminal."""
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "Console", lambda stderr: terminal)
    return written


def test_a_terminal_shows_a_bar(screen: io.StringIO) -> None:
    with work_bar(3) as step:
        step(True, "")
        step(True, "")
    assert "2/3 images" in screen.getvalue()
    assert "a minute" in screen.getvalue()


def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with work_bar(5) as step:
        for _ in range(3):
            step(True, "")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    with work_bar(2) as step:
        step(False, "")
        step(True, "")
    first, last = capsys.readouterr().err.splitlines()
    assert first == "1/2 images"
    assert last.startswith("2/2 images, ")
