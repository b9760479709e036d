"""SA-1B dataset: images and their records of the same names, in folders and in tar shards.

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

from anymask.datasets import sa1b_record, shards
from anymask.datasets.listing import Listing, is_image, is_json, read_file, stem
from anymask.datasets.locations import is_hidden, open_binary, reason_of
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, sample_of, unreadable
from anymask.errors import DatasetError, Error

RECORDS_TRIED = 3  # to tell SA-1B's from other JSON files beside images
MARKS = (b'"image"', b'"annotations"')
SKIPPED_AT_ONCE = 1 << 20
DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)

NamedContent = tuple[str, bytes]  # of a file


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
    if not any(_looks_like_record(files, name) for name in beside[:RECORDS_TRIED]):
        return []
    return [_pair(files, name, records.get(stem(name))) for name in images]


def _looks_like_record(files: Listing, name: str) -> bool:
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
        files = (image, read_file(url, image)), (record, read_file(record_url, record))
    except Error as error:
        yield Unread.from_error(image, error)
    else:
        yield _sample(*files)


def _sample(image: NamedContent, record: NamedContent) -> Sample | Unread:
    try:
        annotations = sa1b_record.from_bytes(record[1], record[0])["annotations"]
    except Error as error:
        return Unread.from_error(image[0], error)
    masks = [(annotation["segmentation"], None) for annotation in annotations]
    return sample_of(*image, masks)


def _read_shard(name: str, url: str) -> Iterator[Sample | Unread]:
    """All samples of a shard, one by one as they lie in it."""
    try:
        with closing(open_binary(url)) as raw:
            yield from _once(_samples(_members(_ForwardStream(raw)), shards.shard_stem(name)))
    except _DamageError as error:
        yield Unread(name, str(error))
    except DAMAGE as error:
        yield Unread(name, f"is no tar file, or damaged: {error}")
    except Exception as error:  # every file system has errors of its own
        yield Unread(name, f"can't be read: {reason_of(error)}")


def _once(samples: Iterable[Sample | Unread]) -> Iterator[Sample | Unread]:
    """Samples of names that no earlier one has: a tar may have a name twice."""
    names: set[str] = set()
    for sample in samples:
        yield Unread(sample.name, "is in its shard twice") if sample.name in names else sample
        names.add(sample.name)


def _samples(members: Iterable[NamedContent], folder: str) -> Iterator[Sample | Unread]:
    """The pairs of an image and a record of one name that follow each other, in either order.

    members: of a shard; folder: what comes before their names in those of samples. A member
    without the other of its pair gives an ``Unread``.
    """
    previous: NamedContent | None = None
    for name, content in members:
        member = f"{folder}/{name}", content
        if previous and _are_pair(previous[0], member[0]):
            yield _sample(*((previous, member) if is_image(previous[0]) else (member, previous)))
            previous = None
            continue
        if previous:
            yield _lone(previous[0])
        previous = member
    if previous:
        yield _lone(previous[0])


def _are_pair(name: str, other: str) -> bool:
    return stem(name) == stem(other) and is_image(name) != is_image(other)


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
