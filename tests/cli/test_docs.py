"""The page of commands is what the commands say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_commands_is_current(tmp_path: Path) -> None:
    page = tmp_path / "cli.md"
    command = [sys.executable, "-m", "typer", "anymask.cli.main", "utils", "docs"]
    subprocess.run(
        [*command, "--name", "anymask", "--output", str(page)], cwd=ROOT, check=True, timeout=60
    )
    assert page.read_text() == (ROOT / "docs" / "cli.md").read_text(), "run `make docs`"
