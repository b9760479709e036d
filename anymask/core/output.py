"""Writing a result so that it is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anymask.errors import OutputError


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises ``OutputError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} can't be made: {error.strerror or error}") from None


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """A temporary name beside ``target`` to write to; it becomes ``target`` if all goes well.

    Raises ``OutputError`` when the disk is full or the place can't be written.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, target)
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink()
