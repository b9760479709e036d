"""Finding photographs: every kind of argument, their names and numbers, and what is refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import tifffile
from fsspec.implementations.memory import MemoryFileSystem

from anymask.datasets.photographs import LARGEST_ID, Photograph, Unread, find_photographs
from anymask.errors import Error, ImageError


def make(folder: Path, *names: str) -> Path:
    """A folder with files of these names, each holding its name."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def names(*arguments: str | Path, out: Path | None = None) -> list[str]:
    """The names of what is found; reading each gives what was put there."""
    found = find_photographs([str(argument) for argument in arguments], out).photographs
    for one in found:
        assert one.read().decode().endswith(one.file_name)
    return [one.name for one in found]


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """fsspec's files in memory, empty before and after."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("sa_223750.jpg", 223750),
        ("000000000009.jpg", 9),
        ("deep/in/folders/sa_7.png", 7),
        ("0", 0),
        (f"{LARGEST_ID}.png", LARGEST_ID),
    ],
)
def test_numbers_in_names_are_kept(name: str, image_id: int) -> None:
    assert Photograph("/x", name).image_id == image_id


@pytest.mark.parametrize(
    "name",
    ["cat.jpg", "a/cat.jpg", "sa_7b.jpg", "-7.jpg", "٣.jpg", f"{LARGEST_ID + 1}.png", "9" * 40],
)
def test_other_names_get_a_number_from_their_hash(name: str) -> None:
    first_53_bits = int(hashlib.sha256(name.encode()).hexdigest(), 16) >> (256 - 53)
    assert Photograph("/anywhere", name).image_id == first_53_bits <= LARGEST_ID


def test_a_name_that_is_no_utf8_has_a_number_too(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.jpg")).write_text("\udcff.jpg".encode(errors="ignore").decode())
    (one,) = find_photographs([str(tmp_path)]).photographs
    assert 0 <= one.image_id <= LARGEST_ID


def test_a_photograph_survives_pickling() -> None:
    one = Photograph("/data/shard.tar", "shard/sa_1.jpg", (512, 99))
    assert pickle.loads(pickle.dumps(one)) == one
    assert (one.folder, one.stem, one.file_name) == ("shard", "sa_1", "sa_1.jpg")


def test_a_folder_is_searched_to_the_bottom_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.PNG", "a.jpg", "d/e/c.tiff", "notes.txt", ".hidden.jpg", ".git/x.jpg", "d/x")
    assert names(tmp_path) == ["a.jpg", "b.PNG", "d/e/c.tiff"]
    assert names(f"{tmp_path}/") == ["a.jpg", "b.PNG", "d/e/c.tiff"]
    assert names(f"file://{tmp_path}") == ["a.jpg", "b.PNG", "d/e/c.tiff"]


def test_the_folder_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make(tmp_path, "a.jpg", "d/b.jpg"))
    assert names(".") == ["a.jpg", "d/b.jpg"]
    assert names("d") == ["b.jpg"]
    assert names("../" + tmp_path.name) == ["a.jpg", "d/b.jpg"]


def test_links_to_folders_are_passed_over_and_those_to_files_are_not(tmp_path: Path) -> None:
    make(tmp_path, "a/one.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "two.jpg").symlink_to(
        make(tmp_path, "elsewhere/two.jpg") / "elsewhere/two.jpg"
    )
    assert names(tmp_path / "a") == ["one.jpg", "two.jpg"]
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert names(tmp_path / "link") == ["one.jpg", "two.jpg"]


def test_a_file_that_is_named_may_end_as_it_likes(tmp_path: Path) -> None:
    make(tmp_path, "photo.dat", "[1]*?.jpg", ".hidden.jpg")
    assert names(tmp_path / "photo.dat", tmp_path / ".hidden.jpg") == ["photo.dat", ".hidden.jpg"]
    assert names(tmp_path / "[1]*?.jpg") == ["[1]*?.jpg"]


def test_a_glob_names_what_it_finds_from_its_fixed_part_on(tmp_path: Path) -> None:
    make(tmp_path, "x/a/1.jpg", "x/b/1.jpg", "x/b/c/2.jpg", "x/b/3.txt", "x/b/.4.jpg")
    assert names(tmp_path / "x" / "*" / "1.jpg") == ["a/1.jpg", "b/1.jpg"]
    assert names(tmp_path / "x" / "*") == ["a/1.jpg", "b/1.jpg", "b/c/2.jpg"]
    assert names(tmp_path / "x" / "**" / "*.jpg") == ["a/1.jpg", "b/1.jpg", "b/c/2.jpg"]
    assert names(f"{tmp_path}/x/b*/?.*") == ["b/1.jpg"]


def test_what_two_arguments_lead_to_counts_once(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "d/b.jpg")
    again: list[str | Path] = [
        tmp_path / "d",
        tmp_path / "a.jpg",
        f"file://{tmp_path}/a.jpg",
        tmp_path / "d" / "*",
    ]
    assert names(tmp_path, *again) == ["a.jpg", "d/b.jpg"]


def test_results_within_what_is_searched_are_no_photographs(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "out/a/0.png", "outside/b.jpg")
    assert names(tmp_path, out=tmp_path / "out") == ["a.jpg", "outside/b.jpg"]
    assert names(tmp_path / "*", out=tmp_path / "out") == ["a.jpg", "outside/b.jpg"]
    assert names(tmp_path / "out", out=tmp_path / "out") == ["a/0.png"]  # it was asked for


def test_files_in_memory(memory: MemoryFileSystem) -> None:
    for name in ("one.jpg", "in/two.png", "in/notes.txt", "in/.three.png"):
        memory.pipe(f"/bucket/{name}", name.encode())
    assert names("memory://bucket") == ["in/two.png", "one.jpg"]
    assert names("memory://bucket/one.jpg") == ["one.jpg"]
    assert names("memory://bucket/in/*.png") == ["two.png"]
    with pytest.raises(Error, match="there is no file or folder memory://bucket/three"):
        find_photographs(["memory://bucket/three"])


def test_files_in_an_archive(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("one.jpg", "in/two.png", "in/notes.txt", "__MACOSX/._one.jpg"):
            file.writestr(name, name)
    assert names(f"zip://::{archive}") == ["in/two.png", "one.jpg"]
    assert names(f"zip://in::{archive}") == ["two.png"]
    assert names(f"zip://in/two.png::{archive}") == ["two.png"]
    assert names(f"zip://in/*::{archive}") == ["two.png"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("missing.jpg", "there is no file or folder missing.jpg"),
        ("missing*.jpg", r"nothing matches missing\*.jpg"),
        ("s3://bucket/key", "s3://bucket/key needs a package .* s3fs"),
        ("wat://bucket/key", "wat://bucket/key can't be searched: Protocol not known: wat"),
        ("zip://a.jpg::missing.zip", "can't be searched: No such file"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, message: str
) -> None:
    monkeypatch.chdir(make(tmp_path, "a.jpg"))
    with pytest.raises(Error, match=message):
        find_photographs(["a.jpg", argument])


def test_a_folder_that_may_not_be_read_is_named_and_does_not_stop_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a/1.jpg", "locked/2.jpg")
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_photographs([str(tmp_path)])
    assert [one.name for one in found.photographs] == ["a/1.jpg"]
    assert found.unread == [Unread(f"{tmp_path}/locked", "can't be searched: Permission denied")]


def test_a_file_that_is_gone_when_it_is_read_is_an_image_error(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    (one,) = find_photographs([str(tmp_path)]).photographs
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ImageError, match=r"a\.jpg can't be read: No such file"):
        one.read()


def test_nothing_is_found_in_an_empty_folder(tmp_path: Path) -> None:
    assert names(tmp_path) == []


def stack(path: Path, pages: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.arange(pages, dtype=np.uint8)[:, None, None] * np.ones((4, 5), np.uint8)
    tifffile.imwrite(path, values, photometric="minisblack")
    return path


def test_every_page_of_a_file_may_be_a_photograph(tmp_path: Path) -> None:
    stack(tmp_path / "a" / "many.pages.tif", 3)
    stack(tmp_path / "one.tif", 1)
    (tmp_path / "broken.tif").write_bytes(b"II*")
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        tar.add(tmp_path / "a" / "many.pages.tif", "b/many.tif")
    listing = find_photographs([str(tmp_path)]).by_page()
    pages = {one.name: one for one in listing.photographs}
    assert list(pages) == [
        *(f"a/many.pages-p000{page}.tif" for page in (1, 2, 3)),
        "broken.tif",
        "one.tif",
        *(f"s/b/many-p000{page}.tif" for page in (1, 2, 3)),
    ]
    for name in ("a/many.pages-p0003.tif", "s/b/many-p0003.tif"):
        assert pages[name].pixels().max() == 2
        assert pages[name].page == 3
    assert pages["a/many.pages-p0002.tif"].stem == "many.pages-p0002"
    assert pages["one.tif"].pixels().max() == 0
    with pytest.raises(ImageError, match=r"broken\.tif"):
        pages["broken.tif"].pixels()
    assert len({one.image_id for one in pages.values()}) == len(pages)
