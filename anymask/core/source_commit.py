"""The commit that the code is of, where it runs from a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
GIT_TIMEOUT_S = 10


def source_commit() -> str:
    """The commit of anymask's source, ``+changes`` behind it if it was changed; "" outside git."""
    # An installed package may lie in somebody else's repository.
    if not _git("ls-files", "--", "__init__.py"):
        return ""
    return _git("rev-parse", "--short", "HEAD") + "+changes" * bool(_git("status", "--short", "."))


def _git(*arguments: str) -> str:
    """What git says of the package's folder; "" if it is not there, or not in a repository."""
    command = ["git", "-C", str(PACKAGE), *arguments]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=GIT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
