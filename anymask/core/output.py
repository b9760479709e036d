"""Writing a result so that it is there whole or not at all, by one process of several.

``writing`` is for a single result. ``claim`` is for jobs that may be killed and run again, and that
several processes share: all that is in the making lies in one folder beside the results.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from anymask.errors import OutputError

LOCK_ENDING = ".lock"
CLAIM_ATTEMPTS = 20  # another process may remove the folder of parts just before it is used


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


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """A temporary name beside ``target`` to write to; it becomes ``target`` if all goes well.

    Raises ``OutputError`` when the disk is full or the place can't be written.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with _explained(target):
        try:
            yield part
            os.replace(part, target)
        finally:
            with suppress(OSError):
                part.unlink()


@contextmanager
def claim(target: Path, parts: Path) -> Iterator[Path | None]:
    """A name to write a file or a folder to, for this process alone; it becomes ``target``.

    None if ``target`` is there already or another living process is making it. Where nothing is
    written, nothing appears; folders above the target are made when it does. What a killed process
    left is removed; what this one leaves after an error, too.

    parts: the folder of what is in the making, next to the results: ``<key>`` is the result,
        and ``<key>.lock`` is locked by whoever makes it. A lock falls with its process.

    Raises ``OutputError`` when the disk is full or the place can't be written.
    """
    part = parts / _key(target, parts)
    with _explained(target):
        lock = None if os.path.lexists(target) else _locked(part)
        if lock is None:
            yield None
            return
        try:
            _remove(part)
            if os.path.lexists(target):  # it came while the lock was another's
                yield None
                return
            yield part
            if os.path.lexists(part):
                _move(part, target)
        finally:
            _release(lock, part)


def sweep(parts: Path) -> None:
    """Remove what killed processes left in the making; what is locked belongs to the living."""
    with suppress(OSError):
        for key in {entry.name.removesuffix(LOCK_ENDING) for entry in parts.iterdir()}:
            lock = _locked(parts / key)
            if lock is not None:
                _release(lock, parts / key)
        parts.rmdir()


def _key(target: Path, parts: Path) -> str:
    """A name for a target's part that is short and the same in every process."""
    relative = os.path.relpath(target, parts.parent)
    return hashlib.sha256(os.fsencode(relative)).hexdigest()[:32]


def _locked(part: Path) -> FileLock | None:
    """The lock of a part, or None if another has it."""
    lock = FileLock(f"{part}{LOCK_ENDING}", thread_local=False)
    for _ in range(CLAIM_ATTEMPTS):
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except FileNotFoundError:
            continue
        except Timeout:
            return None
        return lock
    return None


def _release(lock: FileLock, part: Path) -> None:
    """Clean up and unlock, in this order: whoever comes next finds nothing of ours."""
    with suppress(OSError):
        _remove(part)
        os.unlink(lock.lock_file)
    lock.release()


def _move(part: Path, target: Path) -> None:
    """Give a finished part its name, and see to it that a power cut does not undo that."""
    for path in [*part.rglob("*"), part]:
        _sync(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror or error}") from None
