"""Machine: what a measurement was made on, as a line for every table."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from anymask.core.source_commit import source_commit

PACKAGES = ("anymask", "anymask-native", "torch", "onnxruntime", "segment-anything", "numpy")


def describe(threads: int) -> str:
    """Processor, threads, Python, packages and commit."""
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return (
        f"{_processor()}, {threads} threads; Python {platform.python_version()}; {packages}; "
        f"commit {source_commit() or 'unknown'}"
    )


def _version(name: str) -> str:
    """Of a package; a checkout that is not installed has its commit."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
