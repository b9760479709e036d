"""Image folder: the files behind the store's names, and no others."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from anymask.errors import StoreError

CHUNK = 1 << 20
SETTLES_NS = 1_000_000_000  # a file may be written twice within one tick of its clock
REMEMBERED = 20_000  # fingerprints of files that have not changed since


@dataclass(frozen=True)
class ImageFile:
    """A file of the folder as it is now.

    name: the store's. fingerprint: SHA-256 of what it holds, hexadecimal.
    """

    name: str
    path: Path
    fingerprint: str


class ImageFolder:
    """A folder of images; only what lies in it is read."""

    def __init__(self, folder: Path) -> None:
        self.path = Path(os.path.realpath(folder))

    def file(self, name: str) -> ImageFile:
        """The file of a name. Raises ``StoreError`` for one that is gone or leads elsewhere."""
        path = self.path_of(name)
        try:
            status = path.stat()
            if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < SETTLES_NS:
                return ImageFile(name, path, _sha256_of(path))
            times = status.st_mtime_ns, status.st_ctime_ns  # the second can't be set
            changed = status.st_size, *times, status.st_ino
            return ImageFile(name, path, _fingerprint(path, changed))
        except FileNotFoundError:
            raise StoreError(
                "not_found", f"there is no file {name} in the folder any more"
            ) from None
        except OSError as error:
            reason = error.strerror or error
            raise StoreError("invalid", f"{name} can't be read: {reason}") from None

    def path_of(self, name: str) -> Path:
        """The path behind a name, links followed, whether or not there is a file.

        Raises ``StoreError`` for a name that leads out of the folder.
        """
        path = Path(os.path.realpath(self.path / name.replace("\0", "")))
        if not path.is_relative_to(self.path) or path == self.path:
            raise StoreError("forbidden", f"{name} leads out of the folder")
        return path


@lru_cache(maxsize=REMEMBERED)
def _fingerprint(path: Path, changed: tuple[int, ...]) -> str:
    """changed: what differs where the content does; a file is read once for each."""
    return _sha256_of(path)


def _sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
