"""Tar shards: plain and gzipped, whole and cut at every byte that matters, near and far."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
from pathlib import Path
from typing import IO

import fsspec
import pytest

from anymask.datasets import shards
from anymask.datasets.locations import open_binary
from anymask.datasets.photographs import PhotographListing, find_photographs
from anymask.errors import ImageError

FILES = {f"./sa_{n}.jpg": bytes([n]) * (300 * n) for n in range(1, 6)}
NAMES = [f"s/sa_{n}.jpg" for n in range(1, 6)]


def tar_of(files: dict[str, bytes]) -> bytes:
    """A tar as SA-1B packs it: each image with its JSON."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in files.items():
            for one, data in ((name, content), (Path(name).stem + ".json", b"{}")):
                entry = tarfile.TarInfo(one)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return written.getvalue()


def listing_of(path: Path, content: bytes) -> PhotographListing:
    """The listing of a shard of this content; all of it can be read."""
    path.write_bytes(content)
    listing = find_photographs([str(path)])
    for photograph in listing.photographs:
        assert photograph.read() == FILES[f"./{photograph.file_name}"]
    return listing


@pytest.mark.parametrize("name", ["s.tar", "s.tar.gz", "s.tgz", "s.TAR"])
def test_images_of_a_shard_lie_in_a_folder_of_its_name(tmp_path: Path, name: str) -> None:
    content = tar_of(FILES)
    gzipped = name not in ("s.tar", "s.TAR")
    listing = listing_of(tmp_path / name, gzip.compress(content) if gzipped else content)
    assert [photograph.name for photograph in listing.photographs] == NAMES
    assert [photograph.image_id for photograph in listing.photographs] == [1, 2, 3, 4, 5]
    assert listing.unread == []
    backwards = [photograph.read() for photograph in reversed(listing.photographs)]
    assert backwards == list(reversed(FILES.values()))


def test_shards_in_folders_and_in_memory(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "s.tar").write_bytes(tar_of(FILES))
    photographs = find_photographs([str(tmp_path)]).photographs
    assert [photograph.name for photograph in photographs] == [f"deep/{name}" for name in NAMES]
    fsspec.filesystem("memory").pipe("/far/s.tar.gz", gzip.compress(tar_of(FILES)))
    far = find_photographs(["memory://far/s.tar.gz", "memory://far"]).photographs
    assert [photograph.name for photograph in far] == NAMES
    assert [photograph.read() for photograph in far] == list(FILES.values())


def test_a_gzipped_shard_is_decompressed_once_when_read_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    path = tmp_path / "s.tgz"
    path.write_bytes(gzip.compress(tar_of(FILES)))
    photographs = find_photographs([str(path)]).photographs

    def counted(url: str) -> IO[bytes]:
        opened.append(url)
        return open_binary(url)

    monkeypatch.setattr(shards, "open_binary", counted)
    for photograph in photographs:
        photograph.read()
    assert len(opened) == 1


def test_a_later_file_replaces_an_earlier_of_its_name(tmp_path: Path) -> None:
    old, new = tar_of({"./sa_1.jpg": b"old", "./sa_2.jpg": FILES["./sa_2.jpg"]}), tar_of(FILES)
    end = 2 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE
    content = old.rstrip(b"\0")
    content += b"\0" * (-len(content) % tarfile.BLOCKSIZE) + new
    assert len(content) > end
    listing = listing_of(tmp_path / "s.tar", content)
    assert sorted(photograph.name for photograph in listing.photographs) == NAMES


def test_names_that_lead_out_of_the_folder_do_not(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(tar_of({"../../up.jpg": b"1", "/abs.jpg": b"2", "a/../b.jpg": b"3"}))
    photographs = find_photographs([str(path)]).photographs
    assert [photograph.name for photograph in photographs] == ["s/up.jpg", "s/abs.jpg", "s/b.jpg"]


def test_what_is_no_plain_visible_image_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("d.jpg", tarfile.DIRTYPE), ("l.jpg", tarfile.SYMTYPE),
                           ("._x.jpg", tarfile.REGTYPE), ("x.tar", tarfile.REGTYPE),
                           ("x.txt", tarfile.REGTYPE), ("x.jpg", tarfile.REGTYPE)):  # fmt: skip
            entry = tarfile.TarInfo(name)
            entry.type = kind
            tar.addfile(entry)
    assert [photograph.name for photograph in find_photographs([str(path)]).photographs] == [
        "s/x.jpg"
    ]


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_shard_cut_anywhere_gives_what_precedes_the_cut(tmp_path: Path, gzipped: bool) -> None:
    whole = tar_of(FILES)
    content = gzip.compress(whole) if gzipped else whole.rstrip(b"\0")
    rng = random.Random(0)
    cuts = {*rng.sample(range(len(content)), 60), *range(0, len(content), tarfile.BLOCKSIZE)}
    before = -1
    for cut in sorted(cuts):
        listing = listing_of(tmp_path / "s.tar", content[:cut])
        images = [photograph.name for photograph in listing.photographs]
        assert images == NAMES[: len(images)]
        assert len(images) >= before
        before = len(images)
        if listing.unread:
            assert listing.unread[0].name == "s.tar"
        else:  # only zeros and a checksum are lost
            assert gzipped
            assert images == NAMES


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    content = bytearray(tar_of(FILES))
    third = content.index(b"./sa_3.jpg")
    content[third + 150] ^= 0xFF
    listing = listing_of(tmp_path / "s.tar", bytes(content))
    assert [photograph.name for photograph in listing.photographs] == NAMES[:2]
    assert listing.unread[0].reason == f"is damaged at byte {third}"


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b", b"\x1f\x8bhello", b"x" * 2000])
def test_what_is_no_tar_is_named(tmp_path: Path, content: bytes) -> None:
    listing = listing_of(tmp_path / "s.tar", content)
    assert listing.photographs == []
    assert len(listing.unread) == 1


def test_a_shard_that_shrinks_after_it_was_listed_is_an_image_error(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(tar_of(FILES))
    photographs = find_photographs([str(path)]).photographs
    path.write_bytes(tar_of(FILES)[:2000])
    with pytest.raises(ImageError, match=r"sa_5\.jpg can't be read: .*s\.tar ends within it"):
        photographs[-1].read()
    path.unlink()
    shards._last_opened.cache_clear()
    with pytest.raises(ImageError, match=r"sa_5\.jpg can't be read: No such file"):
        photographs[-1].read()
