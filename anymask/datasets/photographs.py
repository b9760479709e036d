"""Photographs: what a job works on, found in files, folders, globs, tar shards and fsspec URLs."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fsspec.implementations.local import LocalFileSystem

from anymask.datasets import shards
from anymask.datasets.locations import locate, open_binary, url_of
from anymask.errors import Error, ImageError

# What is taken from folders, globs and shards; a file that is named itself may end as it likes.
ENDINGS = (
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm",
    ".tif", ".tiff", ".webp",
)  # fmt: skip
LARGEST_ID = (1 << 53) - 1  # what every reader of JSON takes exactly
NUMBERED = re.compile(r"(?:sa_)?([0-9]{1,16})")
GLOB_SIGNS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Photograph:
    """An image file somewhere: small, and the same on every machine.

    url: a path, or a URL that fsspec opens.
    name: its path relative to the argument that it was found by, with ``/``; for a shard's member
        ``<shard>/<member>``.
    member: offset and size in bytes within the decompressed shard, if it lies in one.
    """

    url: str
    name: str
    member: tuple[int, int] | None = None

    @property
    def file_name(self) -> str:
        """The name without folders."""
        return posixpath.basename(self.name)

    @property
    def stem(self) -> str:
        """The name without folders and ending."""
        return posixpath.splitext(self.file_name)[0]

    @property
    def folder(self) -> str:
        """The folder, relative to all output, where its result belongs; "" for the top one."""
        return posixpath.dirname(self.name)

    @property
    def image_id(self) -> int:
        """The number in the file's name (``sa_223750.jpg``, ``000000000009.jpg``), else a hash.

        The hash is of the relative name: the same on every machine, below 2^53 as JSON needs it.
        """
        number = NUMBERED.fullmatch(self.stem)
        if number and int(number[1]) <= LARGEST_ID:
            return int(number[1])
        digest = hashlib.sha256(os.fsencode(self.name)).digest()
        return int.from_bytes(digest[:8], "big") >> 11

    def read(self) -> bytes:
        """The bytes of the image file. Raises ``ImageError``."""
        try:
            if self.member is None:
                with open_binary(self.url) as file:
                    return file.read()
            content = shards.read_member(self.url, *self.member)
        except Exception as error:  # every file system has errors of its own
            raise ImageError(f"{self.name} can't be read: {_reason(error)}") from None
        if len(content) != self.member[1]:
            raise ImageError(f"{self.name} can't be read: {self.url} ends within it")
        return content


@dataclass(frozen=True)
class Unread:
    """A shard that can't be read, or not to its end; a folder that may not be searched."""

    name: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """Photographs in the order of the arguments, by name within each; what can't be read."""

    photographs: list[Photograph] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


def find_photographs(arguments: Sequence[str], out: Path | None = None) -> Findings:
    """All photographs in files, folders, globs, tar shards and fsspec URLs of any of these.

    Folders are searched to the bottom for known image endings and shards; what is hidden and
    symbolic links to folders are passed over. A photograph that two arguments lead to counts once.
    out: a folder of results, which is not searched where it lies within an argument.

    Raises ``Error`` for an argument that is not there, can't be reached, or needs a package that
    is not installed.
    """
    findings, seen = Findings(), set()
    for argument in arguments:
        for url, name in _files(argument, out, findings.unread):
            if url in seen:
                continue
            seen.add(url)
            if shards.is_shard(name):
                _add_shard(url, name, findings)
            else:
                findings.photographs.append(Photograph(url, name))
    return findings


def _add_shard(url: str, name: str, findings: Findings) -> None:
    members, damage = shards.list_members(url)
    stem = shards.shard_stem(name)
    findings.photographs.extend(
        Photograph(url, f"{stem}/{member.name}", (member.offset, member.size))
        for member in members
        if _is_wanted(member.name) and not shards.is_shard(member.name)
    )
    if damage:
        findings.unread.append(Unread(name, damage))


def _files(argument: str, out: Path | None, unread: list[Unread]) -> list[tuple[str, str]]:
    """URL and relative name of each file that an argument leads to."""
    with _explained(argument):
        fs, path = locate(argument)
        if not path.endswith("/") and fs.isfile(path):
            return [(url_of(fs, path, argument), _base_name(path))]
        root, found = _searched(fs, path, argument, unread)
    results = _results_within(root, out)
    named = ((file, file.removeprefix(root).lstrip("/")) for file in found)
    return [
        (url_of(fs, file, argument), name)
        for file, name in named
        if _is_wanted(name) and not (results and file.startswith(results))
    ]


def _searched(fs: Any, path: str, argument: str, unread: list[Unread]) -> tuple[str, list[str]]:
    """The folder that names are relative to, and all files of a folder or a glob, in order."""
    if fs.isdir(path):
        return path, sorted(_below(fs, path, unread))
    fixed, *wild = GLOB_SIGNS.split(path, maxsplit=1)
    matches = fs.glob(path, detail=True) if wild else {}
    if not matches:
        raise Error(
            f"nothing matches {argument}" if wild else f"there is no file or folder {argument}"
        )
    found: set[str] = set()
    for match, about in matches.items():
        found.update(_below(fs, match, unread) if about["type"] == "directory" else [match])
    return fixed[: fixed.rfind("/") + 1], sorted(found)


def _below(fs: Any, folder: str, unread: list[Unread]) -> Iterator[str]:
    """All files of a folder and those in it; fsspec would pass over what may not be read."""
    if not isinstance(fs, LocalFileSystem):
        yield from fs.find(folder)
        return

    def note(error: OSError) -> None:
        unread.append(Unread(str(error.filename), f"can't be searched: {_reason(error)}"))

    for place, folders, files in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(place, name) for name in files)


def _base_name(path: str) -> str:
    """The last part of a path, without what a web address carries after it."""
    is_web = path.startswith(("http://", "https://"))
    return posixpath.basename(urlsplit(path).path if is_web else path)


def _is_wanted(name: str) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and name.lower().endswith((*ENDINGS, *shards.ENDINGS))


def _results_within(root: str, out: Path | None) -> str | None:
    """What the paths of results begin with, if they lie in a folder below what is searched."""
    if out is None:
        return None
    folder = os.path.abspath(out) + "/"
    searched = root.rstrip("/") + "/"
    return folder if folder.startswith(searched) and folder != searched else None


@contextmanager
def _explained(argument: str) -> Iterator[None]:
    """Errors of file systems, which are of every kind, as one that names the argument."""
    try:
        yield
    except Error:
        raise
    except ImportError as error:
        raise Error(f"{argument} needs a package that is not installed: {error}") from None
    except Exception as error:
        raise Error(f"{argument} can't be searched: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What an error says; of an ``OSError`` only why, because the name is said already."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
