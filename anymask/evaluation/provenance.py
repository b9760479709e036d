"""What a measurement was made with: commit, machine, versions."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "anymask", "torch", "onnxruntime", "numpy", "scipy", "scikit-image", "opencv-python-headless",
    "pycocotools", "transformers", "segment-anything",
)  # fmt: skip
GIT_TIMEOUT_S = 10


def stamp() -> dict[str, Any]:
    """Commit, date, machine and versions, as a ``Result`` has them."""
    return {
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
    }


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Python's and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """The processor and how many of them."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} processors"


def commit(folder: Path = Path(__file__).parent) -> str:
    """The commit of anymask's source, ``+changes`` behind it if it was changed; "" outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=GIT_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    # An installed package may lie in somebody else's repository.
    if not git("ls-files", "--", "provenance.py"):
        return ""
    return git("rev-parse", "--short", "HEAD") + "+changes" * bool(git("status", "--short", ".."))
