"""Locations: paths and fsspec URLs, and the file systems behind them."""

from __future__ import annotations

import os
from functools import cache
from typing import IO, Any, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem


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
    fs, path = locate(url)
    return cast(IO[bytes], open(path, "rb") if isinstance(fs, LocalFileSystem) else fs.open(path))


@cache
def _archive(protocol: str, archive: str, process: int) -> Any:
    """The files of an archive: its index is read once, and it must outlive what is opened in it.

    process: a forked one would share the position in the archive with its parent.
    """
    return fsspec.url_to_fs(f"{protocol}://::{archive}")[0]
