"""``--help`` lists all commands and imports none of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anymask.cli.commands import HOMES, load_command


@pytest.mark.parametrize("name", HOMES)
def test_a_command_is_listed_with_the_words_that_it_begins_with(name: str) -> None:
    command = load_command(name)
    assert command.name == name
    assert command.help.startswith(HOMES[name].about.rstrip("."))


def test_help_imports_no_command_and_no_large_library() -> None:
    check = (
        "import sys; sys.argv = ['anymask', '--help']\n"
        "from anymask.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "large = {'numpy', 'cv2', 'torch', 'anymask.cli.segment', 'anymask.cli.masks'}\n"
        "print(sorted(large & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in HOMES)


def test_an_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "anymask", "segmnt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "No such command 'segmnt'. Did you mean segment?" in done.stderr


def test_a_group_suggests_what_it_makes_later(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "anymask", "evaluate", "clikcs"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Did you mean clicks?" in done.stderr


@pytest.mark.parametrize("name", ["segment", "web"])
def test_an_argument_has_no_brackets_twice(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "anymask", name, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"anymask {name} [OPTIONS] [IMAGE]" in done.stdout
