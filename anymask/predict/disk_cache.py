"""Disk cache: bytes under names, the least lately used of which give way.

It is only ever a help: where it can't be written, nothing is kept, and all goes on.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from anymask.core.atomic import writing
from anymask.errors import OutputError
from anymask.weights.fetch import cache_folder

PICTURE_BYTES, EMBEDDING_BYTES = 2 << 30, 2 << 30
ROOM = 0.9  # of the limit is left when some had to give way


class DiskCache:
    """Files in a folder of their own, together not much larger than a limit.

    Threads and processes may share it. most_bytes: the limit.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None  # what lies there; None before somebody has looked

    def get(self, name: str) -> bytes | None:
        """What was kept under a name; None if nothing was, or if it had to give way."""
        path = self._path(name)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)  # it was used now
        return content

    def has(self, name: str) -> bool:
        """Whether something is kept under a name."""
        return self._path(name).is_file()

    def put(self, name: str, content: bytes) -> None:
        """Keep bytes under a name, if that can be."""
        path = self._path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with writing(path) as part:
                part.write_bytes(content)
        except (OSError, OutputError):
            return
        with self._lock:
            self._bytes = self._measured() if self._bytes is None else self._bytes + len(content)
            if self._bytes > self.most_bytes:
                self._bytes = self._reduced()

    def _path(self, name: str) -> Path:
        key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / key[:2] / key[2:]

    def _measured(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _reduced(self) -> int:
        """Delete what was used least lately until there is room; how much is left."""
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= ROOM * self.most_bytes:
                break
            with suppress(OSError):
                os.unlink(path)
            left -= size
        return left

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """When each was used, its size, and its path."""
        for folder in _entries(self.folder):
            for entry in _entries(folder.path):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_mtime, status.st_size, entry.path


def picture_cache(folder: Path) -> DiskCache:
    """The views of images that a folder keeps."""
    return DiskCache(folder / "pictures", PICTURE_BYTES)


def tool_folder() -> Path:
    """Where the annotation tool keeps pictures and embeddings on this machine, for all commands."""
    return cache_folder() / "annotate"


def embedding_cache(folder: Path) -> DiskCache:
    """The embeddings that a folder keeps, whoever computed them."""
    return DiskCache(folder / "embeddings", EMBEDDING_BYTES)


def kept_here() -> DiskCache:
    """What the annotation tool keeps of images on this machine, for all commands."""
    return embedding_cache(tool_folder())


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
