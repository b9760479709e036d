"""Listings: what lies in a folder, a glob or at an address, links included, and what is refused."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from anymask.datasets.listing import list_files, read_file
from anymask.datasets.photographs import Unread
from anymask.errors import DatasetError, ImageError


def make(folder: Path, *names: str) -> Path:
    """A folder with files of these names, each holding its name."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def names(location: str | Path) -> list[str]:
    """The names of what is found; reading each by its URL gives what was put there."""
    files = list_files(str(location))
    for name in files.paths:
        assert read_file(files.url(name), name).decode().endswith(name.rpartition("/")[2])
    return list(files.paths)


def test_a_folder_is_listed_to_the_bottom_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.json", "a/z.jpg", "a/b/c.tar", ".hidden/x.jpg", "a/.x", "z")
    assert names(tmp_path) == ["a/b/c.tar", "a/z.jpg", "b.json", "z"]
    assert names(f"{tmp_path}/") == names(tmp_path)
    assert names(f"file://{tmp_path}") == names(tmp_path)
    assert names(tmp_path / "b.json") == ["b.json"]
    assert names(tmp_path / "*" / "*.jpg") == ["a/z.jpg"]
    assert names(f"{tmp_path}/a*") == ["a/b/c.tar", "a/z.jpg"]


def test_the_folder_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make(tmp_path, "a.jpg", "d/b.jpg"))
    assert names(".") == ["a.jpg", "d/b.jpg"]
    assert names("d") == names("d/b.jpg") == ["b.jpg"]
    assert names("*.jpg") == ["a.jpg"]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    make(tmp_path, "data/a.jpg", "disk/images/b.jpg")
    (tmp_path / "data" / "images").symlink_to(tmp_path / "disk" / "images")
    (tmp_path / "data" / "images2").symlink_to(tmp_path / "disk" / "images")
    (tmp_path / "disk" / "images" / "up").symlink_to(tmp_path / "data")
    assert names(tmp_path / "data") == ["a.jpg", "images/b.jpg"]


def test_files_in_memory_and_in_an_archive(tmp_path: Path) -> None:
    for name in ("one.jpg", "in/two.png", "in/.three.png"):
        fsspec.filesystem("memory").pipe(f"/listed/{name}", name.encode())
    assert names("memory://listed") == ["in/two.png", "one.jpg"]
    assert names("memory://listed/in/two.png") == names("memory://listed/in") == ["two.png"]
    assert names("memory://listed/*.jpg") == ["one.jpg"]
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as file:
        file.writestr("in/two.png", "in/two.png")
    assert names(f"zip://::{tmp_path}/data.zip") == ["in/two.png"]
    assert names(f"zip://in::{tmp_path}/data.zip") == ["two.png"]


@pytest.mark.parametrize("location", ["", "memory://listed"])
def test_folders_have_urls(tmp_path: Path, location: str) -> None:
    make(tmp_path, "in/a.jpg")
    fsspec.filesystem("memory").pipe("/listed/in/a.jpg", b"in/a.jpg")
    files = list_files(location or str(tmp_path))
    assert "a.jpg" in list_files(files.folder_url("in")).paths
    assert list_files(files.folder_url("")).paths == files.paths


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("missing", "there is no file or folder missing"),
        ("missing/*.tar", r"there is no file or folder missing/\*\.tar"),
        ("memory://missing/x.tar", "there is no file or folder memory://missing/x.tar"),
        ("s3://bucket/key", "s3://bucket/key needs a package .* s3fs"),
        ("wat://bucket/key", "wat://bucket/key can't be searched: Protocol not known: wat"),
        ("zip://a.jpg::missing.zip", "can't be searched: No such file"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=message):
        list_files(location)


def test_a_folder_that_may_not_be_read_is_named_and_does_not_stop_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a/1.jpg", "b/locked/2.jpg")
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    files = list_files(str(tmp_path))
    assert list(files.paths) == ["a/1.jpg"]
    assert files.unread == (Unread("b/locked", "can't be searched: Permission denied"),)


def test_a_file_that_is_gone_is_an_image_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"x\.jpg can't be read: No such file"):
        read_file(str(tmp_path / "x.jpg"), "x.jpg")
