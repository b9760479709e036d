"""Machine: what a measurement was made on, as a line for every table."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("anymask", "torch", "onnxruntime", "segment-anything", "numpy")


def describe(threads: int) -> str:
    """Processor, threads, Python, packages and commit."""
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return (
        f"{_processor()}, {threads} threads; Python {platform.python_version()}; {packages}; "
        f"commit {_commit()}"
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


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "../anymask")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+changes" if changed else "")
