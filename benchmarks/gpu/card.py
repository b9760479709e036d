"""What the scripts of this folder share: timing on a card, and a table kept with its date.

The scripts also run on a processor with ``--device cpu --quick``, which
``tests/test_benchmarks.py`` does to see that they are whole.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from machine import describe

# Of an H200: dense bf16 products, and what the copies of a large array reach.
PEAK_TFLOPS, PEAK_TB_S = 790.0, 4.3


def arguments(description: str) -> argparse.Namespace:
    """``--device``, ``--quick`` (small sizes, to try the script) and ``--write``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("photographs", nargs="*")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def times_s(work: Callable[[], Any], device: str, repeats: int) -> list[float]:
    """Seconds of each of some runs after two that warm up, the device waited for."""
    out = []
    for run in range(repeats + 2):
        _wait_for(device)
        before = time.perf_counter()
        work()
        _wait_for(device)
        if run >= 2:
            out.append(time.perf_counter() - before)
    return out


def _wait_for(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def median_s(work: Callable[[], Any], device: str, repeats: int = 10) -> float:
    """The median of ``times_s``."""
    return statistics.median(times_s(work, device, repeats))


def name(device: str) -> str:
    """The card, or the processor."""
    card = torch.cuda.get_device_name(device) if device.startswith("cuda") else "no card"
    return f"{card}; {describe(torch.get_num_threads())}"


def report(title: str, rows: Iterable[str], options: argparse.Namespace) -> None:
    """Print a table row by row and, if asked to, keep it under ``results/``.

    The file is written anew with each row: a run that is cut off keeps what it has measured.
    """
    day = time.strftime("%Y-%m-%d")
    file = Path(__file__).resolve().parents[1] / "results"
    file /= f"{day}-gpu-{title.lower().replace(' ', '-')}.md"
    text = f"# {title}, {day}\n\n{name(options.device)}\n\n"
    print(text, end="")
    for row in rows:
        print(row, flush=True)
        text += f"{row}\n"
        if options.write:
            file.write_text(text)
