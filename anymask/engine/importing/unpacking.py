"""Unpacking: a file that somebody sent, laid into a folder so that it can do no harm there.

A zip file may lead out of the folder, hold links, or grow to more than any disk holds: each of
these is refused before, or while, it is unpacked.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from anymask.core.atomic import explain_os_errors
from anymask.datasets.locations import is_hidden
from anymask.errors import DatasetError, clipped

MOST_FILES = 1_000_000
MOST_BYTES = 4 << 30  # unpacked, all together
LARGEST_FILE = 512 << 20  # unpacked, as JSON is read whole
MOST_TIMES = 100  # as large as the zip file; JSON of run lengths is some ten times as large
FREE_BYTES = 256 << 20  # what may be unpacked whatever the zip file's size
CHUNK = 1 << 20
DRIVE = ":"
PARTS_OF_DATASETS = ("images", "masks", "labels", "annotations")
LITTER = "__MACOSX"  # what macOS adds to zip files


def is_zip(path: Path) -> bool:
    """Whether a file is a zip file, whatever it is called."""
    return zipfile.is_zipfile(path)


def laid_out(path: Path, name: str, folder: Path) -> Path:
    """What a reader of datasets is given of a file that was sent: its own name, or what it packs.

    name: what the sender calls it, of which only the last part is taken. folder: an empty one.
    Raises as ``unpack``.
    """
    if is_zip(path):
        unpacked = folder / "unpacked"
        unpacked.mkdir()
        return unpack(path, unpacked)
    target = folder / _plain(name)
    shutil.move(path, target)
    return target


def unpack(path: Path, folder: Path) -> Path:
    """Unpack a zip file into an empty folder; the folder that all of it lies in.

    Raises ``DatasetError`` for one that is broken, encrypted, too large when it is unpacked, or
    that has links and names that lead elsewhere; ``OutputError`` where the disk is full.
    """
    budget = min(MOST_BYTES, max(FREE_BYTES, path.stat().st_size * MOST_TIMES))
    try:
        with zipfile.ZipFile(path) as packed:
            members = _members(packed, path.name)
            if sum(member.file_size for member in members) > budget:
                raise _too_large(path.name, budget)
            for member in members:
                target = folder / member.filename
                with explain_os_errors(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with packed.open(member) as source, target.open("xb") as file:
                        budget -= _copied(source, file, min(budget, LARGEST_FILE), path.name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise DatasetError(f"{path.name} is broken: {error}") from None
    return _top(folder)


def _members(packed: zipfile.ZipFile, name: str) -> Sequence[zipfile.ZipInfo]:
    """The files of a zip file but hidden ones. Raises ``DatasetError`` unless all are harmless."""
    members = packed.infolist()
    if len(members) > MOST_FILES:
        raise DatasetError(f"{name} holds {len(members):,} files; {MOST_FILES:,} are taken at once")
    kept: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        _check(member, name)
        parts = member.filename.split("/")
        if member.is_dir() or LITTER in parts or is_hidden(member.filename):
            continue
        if kept.setdefault(member.filename.casefold(), member) is not member:
            raise DatasetError(f"{name} holds {clipped(member.filename)} twice")
    return list(kept.values())


def _check(member: zipfile.ZipInfo, name: str) -> None:
    inside = PurePosixPath(member.filename)
    mode = member.external_attr >> 16
    leads_out = inside.is_absolute() or ".." in inside.parts or "\\" in member.filename
    if leads_out or DRIVE in member.filename.split("/")[0] or not inside.parts:
        raise DatasetError(f"{name} holds {clipped(member.filename)}, which leads out of it")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DatasetError(f"{name} holds {clipped(member.filename)}, which is a link or no file")
    if member.flag_bits & 1:
        raise DatasetError(f"{name} is encrypted: unpack it, and give what is in it")


def _copied(source: IO[bytes], file: IO[bytes], most: int, name: str) -> int:
    """How many bytes a file has, whatever the zip file says of it."""
    size = 0
    for chunk in _chunks(source):
        size += len(chunk)
        if size > most:
            raise _too_large(name, most)
        file.write(chunk)
    return size


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk


def _too_large(name: str, budget: int) -> DatasetError:
    return DatasetError(
        f"{name} would be larger than {budget >> 20:,} MB when it is unpacked: unpack it yourself, "
        "and import the folder with `anymask engine import`"
    )


def _top(folder: Path) -> Path:
    """The folder itself, or the only one in it, as many programs pack a folder with its name."""
    entries = list(folder.iterdir())
    if len(entries) == 1 and entries[0].is_dir() and entries[0].name not in PARTS_OF_DATASETS:
        return entries[0]
    return folder


def _plain(name: str) -> str:
    """The last part of a name, harmless on every disk."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(sign for sign in last if sign.isprintable() and sign not in '<>:"|?*')
    return kept.lstrip(".")[-150:] or "file"
