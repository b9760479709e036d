"""Files that are written piece by piece, however much they hold."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self


class Spool:
    """Text that is known before what stands above it in the file, kept on the same disk."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, text: str) -> None:
        """Add text."""
        self._file.write(text.encode())

    def copy_to(self, file: IO[bytes]) -> None:
        """Write all of it to a file."""
        self._file.seek(0)
        shutil.copyfileobj(self._file, file)


class JsonItems:
    """The items of a JSON list, a line each."""

    def __init__(self) -> None:
        self.count = 0

    def next(self, item: Any) -> str:
        """The text of one more item, and of what divides it from the one before."""
        self.count += 1
        return (",\n" if self.count > 1 else "\n") + as_json(item)


def as_json(value: Any) -> str:
    """A value in one line, as readable as its names are."""
    # Names of files may be no UTF-8; escaped, they are what they were when they are read.
    return json.dumps(value, allow_nan=False)
