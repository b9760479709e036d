"""A folder of results that may be made by several processes, killed and run again.

All that is in the making lies in one folder beside the results, and whoever makes a thing claims it
first. Processes need to share nothing but the folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from anymask.core.atomic import explain_os_errors

LOCK_ENDING = ".lock"
CLAIM_ATTEMPTS = 20  # another process may remove the folder of parts just before it is used


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
    with explain_os_errors(target):
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
