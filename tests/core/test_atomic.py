"""A result is there whole or not at all, and nothing half-written stays behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anymask.core.atomic import check_writable, make_folder, writing
from anymask.errors import OutputError


def test_a_result_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with writing(target) as part:
        part.write_text("whole")
        assert part.parent == tmp_path  # a rename across disks would not be one step
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    with pytest.raises(KeyError), writing(target) as part:  # noqa: PT012
        part.write_text("half")
        raise KeyError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_a_named_error(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    full = pytest.raises(OutputError, match=r"out\.json can't be written: No space")
    with full, writing(target) as part:
        part.write_text("half")
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_not_there_is_a_named_error(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "out.json"
    with pytest.raises(OutputError, match="can't be written"), writing(target) as part:
        part.write_text("x")


def test_folders_are_made_with_those_above_them(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="can't be made"):
        make_folder(tmp_path / "file" / "c")


def test_a_place_is_checked_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(tmp_path / "not" / "there" / "yet")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="file is no folder"):
            check_writable(folder)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match=f"{tmp_path} may not be written to"):
        check_writable(tmp_path / "new")
