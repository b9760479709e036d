"""SA-1B shards: tar files of images and their records, read one pair after the other.

They are read by tarfile and not by webdataset (1.0.2), whose reader takes a damaged header, and
a shard that is cut off between two files, for the shard's end without a word, and puts ``a.1.jpg``
and ``a.2.jpg`` into one sample.
"""

from __future__ import annotations

import gzip
import io
import posixpath
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Any, cast

from anymask.datasets import sa1b_record, shards
from anymask.datasets.listing import NamedContent, is_image, is_json, stem
from anymask.datasets.locations import is_hidden, open_binary, reason_of
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Sample

SKIPPED_AT_ONCE = 1 << 20
ShardPair = tuple[NamedContent, NamedContent]
DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True)
class Shard:
    """A shard, by its name, with which its samples' begin, and where it is. Called, it is read."""

    name: str
    url: str

    def __call__(self) -> Iterator[Sample | Unread]:
        """All samples, one by one as they lie in it, and then an ``Unread`` for its damage."""
        for pair in self.pairs():
            if isinstance(pair, Unread):
                yield pair
            else:
                yield from sa1b_record.samples_of(pair[0], [pair[1]])

    def pairs(self) -> Iterator[ShardPair | Unread]:
        """An image and its record, each with name and bytes, one pair after the other.

        What has no partner, or is there twice, gives an ``Unread``, and so does damage, of which
        what lies before it is given.
        """
        try:
            with closing(open_binary(self.url)) as raw:
                members = _members(_ForwardStream(raw))
                yield from _once(_pairs(members, shards.shard_stem(self.name)))
        except _DamageError as error:
            yield Unread(self.name, str(error))
        except DAMAGE as error:
            yield Unread(self.name, f"is no tar file, or damaged: {error}")
        except Exception as error:  # every file system has errors of its own
            yield Unread(self.name, f"can't be read: {reason_of(error)}")


def _once(pairs: Iterable[ShardPair | Unread]) -> Iterator[ShardPair | Unread]:
    """Pairs of names that no earlier one has: a tar may have a name twice."""
    names: set[str] = set()
    for pair in pairs:
        name = pair.name if isinstance(pair, Unread) else pair[0][0]
        yield Unread(name, "is in its shard twice") if name in names else pair
        names.add(name)


def _pairs(members: Iterable[NamedContent], folder: str) -> Iterator[ShardPair | Unread]:
    """The pairs of an image and its record that follow each other, in either order.

    members: of a shard; folder: what comes before their names in those of samples. A member
    without the other of its pair gives an ``Unread``.
    """
    previous: NamedContent | None = None
    for name, content in members:
        member = f"{folder}/{name}", content
        if previous and is_image(previous[0]) != is_image(member[0]):
            image, record = (previous, member) if is_image(previous[0]) else (member, previous)
            if _are_pair(image[0], record):
                yield image, record
                previous = None
                continue
        if previous:
            yield _lone(previous[0])
        previous = member
    if previous:
        yield _lone(previous[0])


def _are_pair(image: str, record: NamedContent) -> bool:
    """By the record's name, or by the name that it has for its image."""
    if stem(record[0]) in (stem(image), image):
        return True
    return posixpath.basename(sa1b_record.image_name(record[1])) == posixpath.basename(image)


def _lone(name: str) -> Unread:
    return Unread(name, f"has no {'record' if is_image(name) else 'image'} beside it")


def _members(stream: _ForwardStream) -> Iterator[NamedContent]:
    """The images and records of a tar. Raises ``_DamageError`` where its damage begins."""
    tar = tarfile.TarFile(fileobj=cast(IO[bytes], stream))
    while (entry := tar.next()) is not None:
        cast(Any, tar).members.clear()  # which grow with the shard
        name = posixpath.normpath("/" + entry.name).lstrip("/")
        if entry.isreg() and _is_wanted(name):
            yield name, _content(tar, entry, name)
    # tarfile takes any damaged header for the end.
    if len(stream.last) < tarfile.BLOCKSIZE:
        raise _DamageError("is cut off: it lacks the mark at a tar file's end")
    if stream.last.strip(tarfile.NUL):
        raise _DamageError(f"is damaged at byte {tar.offset}")


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo, name: str) -> bytes:
    file = tar.extractfile(entry)
    assert file is not None
    try:
        return file.read()
    except (tarfile.ReadError, EOFError):
        raise _DamageError(f"is cut off within {name}") from None


def _is_wanted(name: str) -> bool:
    return not is_hidden(name) and (is_image(name) or is_json(name))


class _DamageError(Exception):
    """What is wrong with a shard, to be said after its name."""


class _ForwardStream:
    """A tar, gzipped or not, as tarfile wants it, from a stream that can't go back.

    last: the bytes of the last ``read``.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        buffered = io.BufferedReader(cast(io.RawIOBase, raw))
        gzipped = buffered.peek(2)[:2] == shards.GZIP_MAGIC
        self._file = gzip.GzipFile(fileobj=buffered) if gzipped else buffered
        self._position = 0
        self.last = b""

    def tell(self) -> int:
        """The number of bytes read, decompressed."""
        return self._position

    def read(self, size: int) -> bytes:
        """As many bytes, fewer only at the end."""
        self.last = self._file.read(size)
        self._position += len(self.last)
        return self.last

    def seek(self, position: int) -> None:
        """Pass over what precedes a position."""
        while self._position < position:
            if not self.read(min(position - self._position, SKIPPED_AT_ONCE)):
                return
