"""Listing: the files of a dataset, by name, and how their bytes are read."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from anymask.datasets.locations import (
    base_name,
    is_hidden,
    locate,
    open_binary,
    relative_name,
    search,
    search_errors_explained,
    url_of,
)
from anymask.datasets.photographs import ENDINGS, Photograph, Unread
from anymask.errors import DatasetError

MOST_PIXELS = 178_956_970  # Pillow refuses images that are larger

NamedContent = tuple[str, bytes]  # a file's name and what is in it


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
        """The path or URL of a file, as ``open_binary`` takes it."""
        fs, _ = locate(self.location)
        return url_of(fs, self.paths[name], self.location)

    def folder_url(self, name: str) -> str:
        """The path or URL of a folder; "" is the one that names are relative to."""
        fs, _ = locate(self.location)
        return url_of(fs, posixpath.join(self.root, name).rstrip("/"), self.location)


def list_files(location: str) -> Listing:
    """All files of a folder and those in it, of a glob, or the one file that is named.

    What is hidden is passed over. Links to folders are followed, because data often lies on
    another disk, but no folder is entered twice.

    Raises ``DatasetError`` where nothing is there or it can't be reached.
    """

    with search_errors_explained(location, DatasetError):
        fs, path = locate(location)
        if not path.endswith("/") and fs.isfile(path):
            return Listing(location, posixpath.dirname(path), {base_name(path): path})
        files = search(fs, path, follow_links=True)
    if files is None:
        raise DatasetError(f"there is no file or folder {location}")
    paths = {relative_name(file, files.root): file for file in sorted(files.paths)}
    visible = {name: paths[name] for name in sorted(paths) if not is_hidden(name)}
    closed = [
        Unread(relative_name(folder, files.root), reason) for folder, reason in files.closed.items()
    ]
    return Listing(location, files.root, visible, tuple(closed))


def is_image(name: str) -> bool:
    """Whether a file's name has the ending of an image."""
    return name.lower().endswith(ENDINGS)


def is_json(name: str) -> bool:
    """Whether a file's name has the ending of JSON."""
    return name.lower().endswith(".json")


def stem(name: str) -> str:
    """A name without its ending, its folders kept."""
    return posixpath.splitext(name)[0]


def read_file(url: str, name: str) -> bytes:
    """The bytes of any file. Raises ``ImageError``, whatever the file system raises.

    name: what the error calls it.
    """
    return Photograph(url, name).read()


def read_start(url: str, size: int) -> bytes:
    """The first bytes of any file, to tell what it is; none if it can't be read."""
    try:
        with open_binary(url) as file:
            return file.read(size)
    except Exception:  # every file system has errors of its own
        return b""
