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


def check_writable(folder: Path) -> None:
    """Raise ``OutputError`` unless a folder, or the nearest above it that exists, takes files.

    Makes nothing, so that it can be asked before anything is certain.
    """
    nearest = Path(os.path.abspath(folder))
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise OutputError(f"{folder} can't be written: {nearest} is no folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"{folder} can't be written: {nearest} may not be written to")


def check_file_writable(path: Path) -> None:
    """Raise ``OutputError`` unless a file can be written there; makes nothing, either."""
    if path.is_dir():
        raise OutputError(f"{path} can't be written: it is a folder")
    check_writable(path.parent)


def check_not_input(target: Path, *inputs: object) -> None:
    """Raise ``OutputError`` for an output that is one of its inputs, by whatever name or link.

    inputs: paths; what is no path is passed over.
    """
    for source in inputs:
        if not isinstance(source, (str, os.PathLike)):
            continue
        with suppress(OSError, ValueError):  # where one of them is not there, they are not one
            if os.path.samefile(target, source):
                raise OutputError(f"{target} is the input {os.fspath(source)!s}; take another name")


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """A temporary name beside ``target`` to write to; it becomes ``target`` if all goes well.

    Raises ``OutputError`` when the disk is full or the place can't be written.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with explain_os_errors(target):
        try:
            yield part
            os.replace(part, target)
        finally:
            with suppress(OSError):
                part.unlink()


@contextmanager
def explain_os_errors(target: Path) -> Iterator[None]:
    """Raise ``OutputError`` for whatever keeps ``target`` from being written."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror or error}") from None
