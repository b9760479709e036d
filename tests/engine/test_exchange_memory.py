"""Export streams: what it takes in memory does not grow with what is exported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "store_exchange.py"
MOST_MB = 100  # more than at the start; all masks of the larger store would be some hundreds


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_export_takes_the_memory_of_a_few_images(tmp_path: Path) -> None:
    sizes = ["--images", "2000", "--masks", "50", "--most-mb", str(MOST_MB), "--export-only"]
    done = subprocess.run(
        [sys.executable, SCRIPT, *sizes, "--folder", tmp_path],
        capture_output=True, text=True, timeout=1100, check=False,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("| ")]) == 4
