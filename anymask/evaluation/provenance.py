"""What a measurement was made with: commit, machine, versions."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from anymask.core.source_commit import source_commit

PACKAGES = (
    "anymask", "torch", "onnxruntime", "numpy", "scipy", "scikit-image", "opencv-python-headless",
    "pycocotools", "transformers", "segment-anything",
)  # fmt: skip


def stamp() -> dict[str, Any]:
    """Commit, date, machine and versions, as a ``Result`` has them."""
    return {
        "commit": source_commit(),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
    }


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Python's and those of the packages that are installed."""
    installed = {"python": platform.python_version()}
    for name in packages:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def machine() -> str:
    """The processor's name and how many of them there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} processors"
