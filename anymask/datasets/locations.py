"""Locations: paths and fsspec URLs, their file systems, and the files that they lead to."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO, Any, cast
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from anymask.errors import Error

GLOB_SIGNS = re.compile(r"[*?\[]")
WEB = re.compile(r"https?://")


@dataclass(frozen=True)
class SearchResult:
    """The files that a path leads to.

    root: the folder that names are relative to, without ``/`` at its end. paths: of the files.
    closed: the folders that may not be searched, and why.
    """

    root: str
    paths: frozenset[str]
    closed: Mapping[str, str]


def locate(url: str) -> tuple[Any, str]:
    """The file system of a path or URL, and the absolute path in it.

    Raises ``ImportError`` for a protocol whose package is not installed, naming it, ``ValueError``
    for one that fsspec does not know, and whatever the file system raises.
    """
    if "://" not in url:
        return LocalFileSystem(), os.path.abspath(url)
    inner, chained, archive = url.partition("::")
    if not chained:
        fs, path = fsspec.url_to_fs(url)
        return fs, path
    fs = _archive(inner.partition("://")[0], archive, os.getpid())
    return fs, str(fs._strip_protocol(inner))


def url_of(fs: Any, path: str, found_by: str) -> str:
    """What ``locate`` takes to ``path``; an archive's URL ends as the one that it was found by."""
    if isinstance(fs, LocalFileSystem):
        return path
    _, chained, archive = found_by.partition("::")
    return str(fs.unstrip_protocol(path)) + chained + archive


def open_binary(url: str) -> IO[bytes]:
    """Open a path or a URL for reading."""
    if "://" not in url:
        return open(url, "rb")  # without fsspec, which takes longer than a small file
    fs, path = locate(url)
    return cast(IO[bytes], open(path, "rb") if isinstance(fs, LocalFileSystem) else fs.open(path))


def search(fs: Any, path: str, *, follow_links: bool = False) -> SearchResult | None:
    """All files in a folder or a glob, at whatever depth; None where nothing is there.

    Hidden folders are passed over. follow_links: enter folders that are links, too, but none twice.
    Raises what the file system raises.
    """
    closed: dict[str, str] = {}
    if fs.isdir(path):
        paths = frozenset(_files_below(fs, path, closed, follow_links))
        return SearchResult(path.rstrip("/"), paths, closed)
    fixed, *wild = GLOB_SIGNS.split(path, maxsplit=1)
    matches = fs.glob(path, detail=True) if wild else {}
    if not matches:
        return None
    files: set[str] = set()
    for match, about in matches.items():
        is_folder = about["type"] == "directory"
        files.update(_files_below(fs, match, closed, follow_links) if is_folder else [match])
    return SearchResult(fixed[: fixed.rfind("/") + 1].rstrip("/"), frozenset(files), closed)


def relative_name(path: str, root: str) -> str:
    """The name, with ``/``, of a file below a root."""
    return path.removeprefix(root).lstrip("/")


def base_name(path: str) -> str:
    """The last part of a path, without what a web address carries after it."""
    return posixpath.basename(urlsplit(path).path if WEB.match(path) else path)


def is_hidden(name: str) -> bool:
    """Whether a file or a folder on the way to it begins with a dot."""
    return any(part.startswith(".") for part in name.split("/"))


def reason_of(error: Exception) -> str:
    """What an error says; of an ``OSError`` only why, because the name is said already."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def search_errors_explained(location: str, kind: type[Error] = Error) -> Iterator[None]:
    """Errors of file systems, which are of every sort, as one of a kind that names the location."""
    try:
        yield
    except Error:
        raise
    except ImportError as error:
        raise kind(f"{location} needs a package that is not installed: {error}") from None
    except Exception as error:
        raise kind(f"{location} can't be searched: {reason_of(error)}") from None


def _files_below(fs: Any, folder: str, closed: dict[str, str], follow_links: bool) -> Iterator[str]:
    """closed: gets the folders that may not be searched; fsspec would pass over them in silence."""
    if not isinstance(fs, LocalFileSystem):
        yield from fs.find(folder)
        return

    def report(error: OSError) -> None:
        closed[str(error.filename)] = f"can't be searched: {reason_of(error)}"

    entered = set()
    for parent, folders, files in os.walk(folder, onerror=report, followlinks=follow_links):
        real = os.path.realpath(parent)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in files)


@cache
def _archive(protocol: str, archive: str, process: int) -> Any:
    """The files of an archive: its index is read once, and it must outlive what is opened in it.

    process: a forked one would share the position in the archive with its parent.
    """
    return fsspec.url_to_fs(f"{protocol}://::{archive}")[0]
