"""The commit of the code: of a checkout, changed or not, and of no other repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from anymask.core import source_commit as module
from anymask.core.source_commit import source_commit


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_checkout_tells_its_commit_and_whether_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    monkeypatch.setattr(module, "PACKAGE", package)
    assert source_commit() == ""
    git(tmp_path, "init", "--quiet")
    (package / "__init__.py").touch()
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "of somebody else")
    assert source_commit() == ""  # as where an installed package lies in another's repository
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "ours")
    commit = git(tmp_path, "rev-parse", "--short", "HEAD")
    assert source_commit() == commit
    (tmp_path / "beside the package").touch()
    assert source_commit() == commit
    (package / "new.py").touch()
    assert source_commit() == f"{commit}+changes"


def test_without_git_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert source_commit() == ""
