"""Environments of other people's tools, apart from ours.

They are made once a session, or once for all where ``ANYMASK_INTERCHANGE`` names a folder to keep
them in.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock


def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that they lie in, for all workers of a session."""
    kept = os.environ.get("ANYMASK_INTERCHANGE")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = Path(kept) if kept else shared / "tools"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def python_with(packages: tuple[str, ...], folder: Path) -> Path:
    """The interpreter of an environment with these packages, made if it is not there."""
    python, whole = folder / "bin" / "python", folder / "packages.txt"
    with FileLock(f"{folder}.lock"):
        if not whole.exists() or whole.read_text() != "\n".join(packages):
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
            whole.write_text("\n".join(packages))
    return python
