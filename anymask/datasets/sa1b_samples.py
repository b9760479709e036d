"""SA-1B's samples: an image and its record of the same name, in folders and in tar shards.

Shards are read by tarfile and not by webdataset (1.0.2), whose reader takes a damaged header, and
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
from functools import partial
from typing import IO, Any, cast

from anymask.datasets import sa1b, shards
from anymask.datasets.listing import Listing, is_image, is_json, read_file, stem
from anymask.datasets.locations import open_binary
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, sample_of, unread, unreadable
from anymask.errors import DatasetError, Error

LOOKED_INTO = 3  # records, to tell SA-1B's from other JSON files beside images
MARKS = (b'"image"', b'"annotations"')
SKIPPED_AT_ONCE = 1 << 20
DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)

Member = tuple[str, bytes]


def read(files: Listing) -> Dataset | None:
    """The pairs and the shards among files: a part each; None where there is neither.

    An image without record, and one with a broken record, give an ``Unread``. A shard gives what
    lies before its damage, and then one. A shard beside the folder that it was unpacked to is
    passed over.

    Raises ``DatasetError`` for shards whose samples would have the same names.
    """
    pairs = _pairs(files)
    unpacked = {posixpath.dirname(pair.name) for pair in pairs}
    names = [name for name in files.paths if shards.is_shard(name)]
    packed = [name for name in names if shards.shard_stem(name) not in unpacked]
    if len({shards.shard_stem(name) for name in packed}) < len(packed):
        raise DatasetError(f"{files.location} has a shard both plain and gzipped; keep one of them")
    tars = [Part(name, partial(_read_shard, name, files.url(name))) for name in packed]
    if not pairs and not tars:
        return None
    kinds = ["SA-1B records"] * bool(pairs) + ["SA-1B shards"] * bool(tars)
    in_order = sorted([*pairs, *tars], key=lambda part: part.name)
    return Dataset(files.location, " and ".join(kinds), tuple(in_order))


def _pairs(files: Listing) -> list[Part]:
    """A part for each image, if there are SA-1B records beside some."""
    images = [name for name in files.paths if is_image(name)]
    records = {stem(name): name for name in files.paths if is_json(name)}
    beside = [records[stem(name)] for name in images if stem(name) in records]
    if not any(_looks_like_one(files, name) for name in beside[:LOOKED_INTO]):
        return []
    return [_pair(files, name, records.get(stem(name))) for name in images]


def _looks_like_one(files: Listing, name: str) -> bool:
    try:
        content = read_file(files.url(name), name)
    except Error:
        return False
    return all(mark in content for mark in MARKS)


def _pair(files: Listing, image: str, record: str | None) -> Part:
    if record is None:
        return unreadable(image, "has no record beside it")
    return Part(image, partial(_read_pair, image, files.url(image), record, files.url(record)))


def _read_pair(image: str, url: str, record: str, record_url: str) -> Iterator[Sample | Unread]:
    try:
        content, described = read_file(url, image), read_file(record_url, record)
    except Error as error:
        yield unread(image, error)
    else:
        yield _sample(image, content, described, record)


def _sample(image: str, content: bytes, described: bytes, record: str) -> Sample | Unread:
    try:
        annotations = sa1b.from_bytes(described, record)["annotations"]
    except Error as error:
        return unread(image, error)
    return sample_of(image, content, [(one["segmentation"], None) for one in annotations])


def _read_shard(name: str, url: str) -> Iterator[Sample | Unread]:
    """All samples of a shard, one by one as they lie in it."""
    try:
        with closing(open_binary(url)) as raw:
            yield from _once(_samples(_members(_Onward(raw)), shards.shard_stem(name)))
    except _DamageError as error:
        yield Unread(name, str(error))
    except DAMAGE as error:
        yield Unread(name, f"is no tar file, or damaged: {error}")
    except Exception as error:  # every file system has errors of its own
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        yield Unread(name, f"can't be read: {reason}")


def _once(samples: Iterable[Sample | Unread]) -> Iterator[Sample | Unread]:
    """Samples of names that no earlier one has: a tar may have a name twice."""
    names: set[str] = set()
    for one in samples:
        yield Unread(one.name, "is in its shard twice") if one.name in names else one
        names.add(one.name)


def _samples(members: Iterable[Member], folder: str) -> Iterator[Sample | Unread]:
    """An image and a record of one name that lie next to each other, in either order."""
    held: Member | None = None
    for member in members:
        if held and stem(held[0]) == stem(member[0]) and is_image(held[0]) != is_image(member[0]):
            image, record = (held, member) if is_image(held[0]) else (member, held)
            yield _sample(f"{folder}/{image[0]}", image[1], record[1], f"{folder}/{record[0]}")
            held = None
            continue
        if held:
            yield _lone(held[0], folder)
        held = member
    if held:
        yield _lone(held[0], folder)


def _lone(member: str, folder: str) -> Unread:
    lacks = "record" if is_image(member) else "image"
    return Unread(f"{folder}/{member}", f"has no {lacks} beside it")


def _members(stream: _Onward) -> Iterator[Member]:
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
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and (is_image(name) or is_json(name))


class _DamageError(Exception):
    """What is wrong with a shard, to be said after its name."""


class _Onward:
    """A tar, gzipped or not, as tarfile wants it, from a stream that can't go back.

    last: what was read last.
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
