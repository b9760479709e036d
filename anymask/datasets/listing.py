"""Listing: the files that a dataset's location leads to, and how their bytes are had."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fsspec.implementations.local import LocalFileSystem

from anymask.datasets.locations import locate, url_of
from anymask.datasets.photographs import ENDINGS, GLOB_SIGNS, Photograph, Unread
from anymask.errors import DatasetError

WEB = re.compile(r"https?://")


@dataclass(frozen=True)
class Listing:
    """The visible files of a location.

    root: the path of the folder that names are relative to, in the location's file system.
    paths: from name, with ``/``, to path in that file system; in the order of names.
    unread: folders that may not be searched.
    """

    location: str
    root: str
    paths: Mapping[str, str]
    unread: tuple[Unread, ...] = ()

    def url(self, name: str) -> str:
        """What ``open_binary`` takes to the file of a name."""
        fs, _ = locate(self.location)
        return url_of(fs, self.paths[name], self.location)

    def folder_url(self, name: str) -> str:
        """The same of a folder, "" for the one that names are relative to."""
        fs, _ = locate(self.location)
        return url_of(fs, posixpath.join(self.root, name).rstrip("/"), self.location)


def list_files(location: str) -> Listing:
    """All files of a folder and those in it, of a glob, or the one file that is named.

    What is hidden is passed over. Links to folders are followed, because data often lies on
    another disk, but no folder is entered twice.

    Raises ``DatasetError`` where nothing is there or it can't be reached.
    """
    unread: list[Unread] = []
    with _explained(location):
        fs, path = locate(location)
        if not path.endswith("/") and fs.isfile(path):
            return Listing(location, posixpath.dirname(path), {_base_name(path): path})
        root, found = _searched(fs, path, location, unread)
    named = ((_relative(file, root), file) for file in found)
    closed = (Unread(_relative(one.name, root), one.reason) for one in unread)
    return Listing(location, root, dict(sorted(filter(_is_visible, named))), tuple(closed))


def is_image(name: str) -> bool:
    """Whether a file's name says that it is one."""
    return name.lower().endswith(ENDINGS)


def is_json(name: str) -> bool:
    """Whether a file's name says that it is one."""
    return name.lower().endswith(".json")


def stem(name: str) -> str:
    """A name without its ending, its folders kept."""
    return posixpath.splitext(name)[0]


def read_file(url: str, name: str) -> bytes:
    """The bytes of a file. Raises ``ImageError``, whatever the file system raises."""
    return Photograph(url, name).read()


def _searched(fs: Any, path: str, location: str, unread: list[Unread]) -> tuple[str, set[str]]:
    """The folder that names are relative to, and all files of a folder or a glob."""
    if fs.isdir(path):
        return path.rstrip("/"), set(_below(fs, path, unread))
    fixed, *wild = GLOB_SIGNS.split(path, maxsplit=1)
    matches = fs.glob(path, detail=True) if wild else {}
    if not matches:
        raise DatasetError(f"there is no file or folder {location}")
    found: set[str] = set()
    for match, about in matches.items():
        found.update(_below(fs, match, unread) if about["type"] == "directory" else [match])
    return fixed[: fixed.rfind("/") + 1].rstrip("/"), found


def _below(fs: Any, folder: str, unread: list[Unread]) -> Iterator[str]:
    """All files of a folder and those in it; fsspec would pass over what may not be read."""
    if not isinstance(fs, LocalFileSystem):
        yield from fs.find(folder)
        return

    def note(error: OSError) -> None:
        unread.append(Unread(str(error.filename), f"can't be searched: {error.strerror}"))

    entered = set()
    for place, folders, files in os.walk(folder, onerror=note, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in entered else sorted(one for one in folders if one[0] != ".")
        if real not in entered:
            entered.add(real)
            yield from (os.path.join(place, name) for name in files)


def _relative(path: str, root: str) -> str:
    return path.removeprefix(root).lstrip("/")


def _is_visible(named: tuple[str, str]) -> bool:
    return not any(part.startswith(".") for part in named[0].split("/"))


def _base_name(path: str) -> str:
    """The last part of a path, without what a web address carries after it."""
    return posixpath.basename(urlsplit(path).path if WEB.match(path) else path)


@contextmanager
def _explained(location: str) -> Iterator[None]:
    """Errors of file systems, which are of every kind, as one that names the location."""
    try:
        yield
    except DatasetError:
        raise
    except ImportError as error:
        raise DatasetError(f"{location} needs a package that is not installed: {error}") from None
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DatasetError(f"{location} can't be searched: {reason}") from None
