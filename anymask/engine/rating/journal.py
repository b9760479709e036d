"""Journal: the file of ratings while it is open; what it has taken is on the disk."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from anymask.core.atomic import check_file_writable, explain_os_errors, make_folder, writing
from anymask.core.ratings.rating import Rating
from anymask.core.ratings.rating_file import RatingHead, read_rating_file
from anymask.errors import ResultError, StoreError


class Journal:
    """Opens or makes a file of ratings; nobody else writes to it until it is closed.

    ratings: those that were there. Raises ``ResultError`` for a file that is of other masks or
    that another program has open, and ``OutputError``.
    """

    def __init__(self, path: Path, head: RatingHead) -> None:
        self.path = path
        check_file_writable(path)
        make_folder(path.parent)
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        with explain_os_errors(path):
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise ResultError(f"another `anymask rate` writes to {path}") from None
        try:
            self.ratings = self._begin(head)
            with explain_os_errors(path):
                self._file = path.open("r+b", buffering=0)
                self._file.truncate(self._size)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others write to it."""
        self._file.close()
        self._lock.release()

    def append(self, rating: Rating) -> None:
        """Write a line; once this returns, no crash takes it away. Raises ``StoreError``."""
        line = json.dumps(rating.to_json()).encode() + b"\n"
        try:
            self._write(line)
        except OSError as error:
            with suppress(OSError):  # what is left of the line is passed over when it is read
                self._file.truncate(self._size)
            reason = error.strerror or error
            raise StoreError("storage", f"{self.path.name} can't be written: {reason}") from None
        self._size += len(line)

    def _write(self, line: bytes) -> None:
        self._file.seek(self._size)
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())

    def _begin(self, head: RatingHead) -> tuple[Rating, ...]:
        """Read the file, or write its first line."""
        if not self.path.exists():
            with writing(self.path) as part, part.open("wb") as file:
                file.write(head.line().encode() + b"\n")
                os.fsync(file.fileno())
        content = read_rating_file(self.path)
        if content.head.plan != head.plan:
            raise ResultError(
                f"{self.path} holds ratings of other masks or with another seed: take another "
                "--out, or the results and options that it was begun with"
            )
        self._size = content.size
        return content.ratings
