"""Timing: time and memory of one side of a comparison, in a process of its own."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

TIMEOUT_S = 900


def measure(work: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Medians of wall and processor seconds after a warm-up, peak memory of the process in MB."""
    work()
    wall, cpu = [], []
    for _ in range(repeats):
        before, before_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - before)
        cpu.append(time.process_time() - before_cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"wall_s": statistics.median(wall), "cpu_s": statistics.median(cpu), "peak_mb": peak}


def in_own_process(
    script: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> dict[str, float]:
    """What a script prints as JSON in its last line, run in a fresh process.

    environment: the variables that it gets; None: this process's.
    """
    command = [sys.executable, script, *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]
