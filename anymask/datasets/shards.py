"""Shards: tar files of images and their records, plain or gzipped, local or behind a URL.

SA-1B and webdataset lay them out alike: ``sa_1.jpg`` and ``sa_1.json`` one after the other.
"""

from __future__ import annotations

import gzip
import os
import posixpath
import tarfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, cast

from anymask.datasets.locations import open_binary

ENDINGS = (".tar", ".tar.gz", ".tgz")
GZIP_MAGIC = b"\x1f\x8b"
# What tarfile, gzip and zlib raise for damage, and file systems for everything.
DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a shard: its name, and where its bytes lie once the shard is decompressed."""

    name: str
    offset: int
    size: int


def is_shard(name: str) -> bool:
    """Whether a file's name has the ending of a shard."""
    return name.lower().endswith(ENDINGS)


def shard_stem(name: str) -> str:
    """The name without its ending: ``sa_000020`` of ``sa_000020.tar.gz``."""
    ending = max((ending for ending in ENDINGS if name.lower().endswith(ending)), key=len)
    return name[: -len(ending)]


def list_members(url: str) -> tuple[list[Member], str]:
    """The files in a shard in their order, and what is wrong with it ("" if nothing is).

    Of a damaged shard, those that lie whole before the damage. Where a name comes twice the later
    file replaces the earlier, as in unpacking. Names never lead out of the shard's folder. Reads
    headers only, so a shard far away is not fetched unless it is gzipped.
    """
    members: dict[str, Member] = {}
    try:
        stream = _open(url)
    except DAMAGE as error:
        return [], f"can't be read: {error}"
    with closing(stream):
        damage = _add_members(stream, members)
    return list(members.values()), damage


def read_member(url: str, offset: int, size: int) -> bytes:
    """The bytes of a member. Fewer than ``size`` where the shard ends.

    The last shard stays open, so that reading a gzipped one in order decompresses it once; hence
    for one thread at a time. Raises what the file system or the decompression raises.
    """
    stream = _last_opened(url, os.getpid())
    try:
        stream.seek(offset)
        return stream.read(size)
    except BaseException:
        _last_opened.cache_clear()  # whatever is wrong with it, the next reader starts anew
        raise


@lru_cache(maxsize=1)
def _last_opened(url: str, process: int) -> IO[bytes]:
    """The shard of the last call, still open.

    process: a forked one would share the position in the file with its parent.
    """
    return _open(url)


def _open(url: str) -> IO[bytes]:
    """The tar itself as a seekable stream, gzipped or not."""
    raw = open_binary(url)
    magic = raw.read(len(GZIP_MAGIC))
    raw.seek(0)
    return cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if magic == GZIP_MAGIC else raw


def _add_members(stream: IO[bytes], members: dict[str, Member]) -> str:
    """Add the files of a tar to ``members``, and say what is wrong with it."""
    last: Member | None = None
    try:
        tar = tarfile.TarFile(fileobj=stream)
        for entry in tar:
            if entry.isfile():
                last = Member(_name_inside(entry.name), entry.offset_data, entry.size)
                members.pop(last.name, None)
                members[last.name] = last
    except DAMAGE as error:
        if last is None or _reaches(stream, last.offset + last.size):
            return f"is no tar file, or damaged: {error}"
        del members[last.name]
        return f"is cut off within {last.name}"
    return _damage_at_end(stream, tar.offset)


def _name_inside(name: str) -> str:
    """A member's name as a path that leads nowhere above the shard."""
    return posixpath.normpath("/" + name).lstrip("/")


def _reaches(stream: IO[bytes], end: int) -> bool:
    """Whether a stream has so many bytes."""
    try:
        stream.seek(max(end - 1, 0))
        return end == 0 or len(stream.read(1)) == 1
    except DAMAGE:
        return False


def _damage_at_end(stream: IO[bytes], offset: int) -> str:
    """What is wrong with the end ("" if nothing is): tarfile takes any damaged header for it."""
    try:
        stream.seek(offset)
        block = stream.read(tarfile.BLOCKSIZE)
    except DAMAGE as error:
        return f"is damaged: {error}"
    if block.strip(tarfile.NUL):
        return f"is damaged at byte {offset}"
    if len(block) < tarfile.BLOCKSIZE:
        return "is cut off: it lacks the mark at a tar file's end"
    return ""
