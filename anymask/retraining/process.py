"""Process: a training run as a process of its own, which ends with the one that began it.

It reads a request from standard input, as JSON in one line, and trains until that is closed: even
who is killed closes it. Each line of standard output is JSON: ``{"step": 1, "steps": 100}``,
``{"note": …}``, and at the end ``{"error": …}`` where something is wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from anymask.core.atomic import make_folder
from anymask.errors import Error, TrainingError
from anymask.predict.predictor import find_device
from anymask.training.distributed import World
from anymask.training.loop import train
from anymask.training.resumption import Request, job_of

STDIN, STDOUT, CHUNK = 0, 1, 1 << 16
LOCK_FILE = ".lock"
LOCK_S = 60.0  # an earlier process of the same run ends its step
GRACE_S = 60.0  # for the step in hand


def main() -> int:
    """Train; the exit status."""
    asked = json.loads(_first_line())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _train(asked)
    except Error as error:
        _say({"error": str(error)})
        return 1
    return 0


def _train(asked: dict[str, Any]) -> None:
    out = Path(asked["out"])
    request = Request(
        out,
        asked["recipe"],
        asked["data"],
        settings=tuple(asked["settings"]),
        resume=True,
        offline=asked["offline"],
    )
    make_folder(out)
    try:
        with FileLock(out / LOCK_FILE, timeout=LOCK_S):
            job = job_of(request)
            steps = job.recipe.steps
            world = World(device=find_device("auto"))
            course = train(job, world, lambda entry: _tell(entry, steps))
    except Timeout:
        raise TrainingError(f"another process still trains in {out}") from None
    if course.step < steps:
        raise TrainingError(f"it was stopped after step {course.step} of {steps}")


def _tell(entry: dict[str, Any], steps: int) -> None:
    if "note" in entry:
        _say({"note": entry["note"]})
    for reason in [*entry.get("reasons", []), *entry.get("left_out", [])]:
        _say({"note": f"passed over {reason}"})
    _say({"step": entry["step"], "steps": steps, "loss": entry.get("loss")})


def _say(words: dict[str, Any]) -> None:
    with suppress(OSError):  # nobody listens any more
        os.write(STDOUT, json.dumps(words).encode() + b"\n")


def _first_line() -> bytes:
    """Without a buffer, which the thread would hold when the process ends."""
    line = b""
    while not line.endswith(b"\n") and (some := os.read(STDIN, CHUNK)):
        line += some
    return line


def _end_with_parent() -> None:
    """Nobody waits for what comes out any more: end after the step, as if told to."""
    while os.read(STDIN, CHUNK):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
