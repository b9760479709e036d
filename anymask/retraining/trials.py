"""Trials: training runs in a process of their own, which go on where they were ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anymask.errors import TrainingError

WAIT_S = 90.0  # for the step in hand, before it is killed
MODULE = "anymask.retraining.process"
Progress = Callable[[int, int], None]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """A training run: recipe and settings as ``anymask train`` takes them. out: its folder."""

    recipe: str
    settings: Sequence[str]
    data: str
    out: str
    offline: bool | None = None

    @property
    def checkpoint(self) -> Path:
        """Of its last step."""
        return Path(self.out) / "last"


def run(trial: Trial, on_step: Progress, tell: Tell) -> None:
    """Train to the end, from where an earlier process was; the process ends with this one.

    on_step: told how many steps are done, and of how many. tell: takes lines for people. Raises
    ``TrainingError`` with what the process says is wrong.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is ours: it ends as its input does
    )
    assert process.stdin is not None
    assert process.stdout is not None
    error = ""
    try:
        process.stdin.write(json.dumps(asdict(trial)) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            said: dict[str, Any] = json.loads(line)
            error = said.get("error", error)
            if "note" in said:
                tell(said["note"])
            if "step" in said:
                on_step(said["step"], said["steps"])
        process.wait()
    except BrokenPipeError:
        process.wait()
    finally:
        _end(process)
    if process.returncode != 0:
        raise TrainingError(error or f"the training process ended with {process.returncode}")


def _end(process: subprocess.Popen[str]) -> None:
    """Let it end its step, if it still runs."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    try:
        process.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
