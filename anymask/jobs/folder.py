"""A folder of results that may be made by several processes, killed and run again.

All that is in the making lies in one folder beside the results, and whoever makes a thing claims it
first. Processes need to share nothing but the folder. What they do alike, whatever the results are:
``claim`` one, ``sweep`` up what the dead left, and, for a whole job, ``JobFolder``: settings that
must agree, what is done, and all results one after the other.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from anymask.core.atomic import explain_os_errors, make_folder
from anymask.errors import Error, OutputError

LOCK_ENDING = ".lock"
CLAIM_ATTEMPTS = 20  # another process may remove the folder of parts just before it is used
POLL_S = 0.2

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class SettingChange:
    """A setting that has another value than before; None where it had none, or has none now."""

    name: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.name} was {self.before!r} and is {self.now!r}"


def setting_changes(
    before: Mapping[str, Any], now: Mapping[str, Any], names: Iterable[str]
) -> list[SettingChange]:
    """Which of the settings of these names differ, in their order."""
    changes = (SettingChange(name, before.get(name), now.get(name)) for name in names)
    return [change for change in changes if change.before != change.now]


class OtherSettingsError(Error):
    """A folder holds results of other settings; ``changes`` are all that differ."""

    def __init__(self, folder: Path, changes: Sequence[SettingChange]) -> None:
        super().__init__(folder, changes)  # what it is made of again in another process
        self.folder, self.changes = folder, changes

    def __str__(self) -> str:
        differ = "; ".join(map(str, self.changes))
        return f"{self.folder} holds results of other settings: {differ}"


class UnreadableSettingsError(OutputError):
    """The settings of a folder are damaged, or may not be read."""


@dataclass(frozen=True)
class JobFolder:
    """The folder of a job that several processes share, each of which runs the same methods.

    settings_file: the name, in the folder, of a JSON object that says what all results have in
        common. claims_folder: the name of the folder of what is in the making.
    timeout_s: how long another process may have one result in hand; settings_timeout_s: how long
        it may take to write the settings.
    """

    path: Path
    settings_file: str
    claims_folder: str
    timeout_s: float = 3600.0
    settings_timeout_s: float = 60.0

    def agree(
        self, settings: Mapping[str, Any], check_new: Callable[[], None] | None = None
    ) -> None:
        """Make the folder and write the settings, or find that they are the same as before.

        settings: plain JSON values. check_new: raises if a folder without settings may not be
        begun; called under the claim on them.

        Raises ``OtherSettingsError`` or ``UnreadableSettingsError``, ``OutputError`` where the
        folder can't be written, and what ``check_new`` raises; then nothing is written.
        """
        make_folder(self.path)
        self._write_settings(settings, check_new)
        file = self.path / self.settings_file
        try:
            before = dict(json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise UnreadableSettingsError(
                f"{file} can't be read: {error}; take another --out"
            ) from None
        changes = setting_changes(before, settings, {**before, **settings})
        if changes:
            raise OtherSettingsError(self.path, changes)

    def claim(self, target: Path) -> AbstractContextManager[Path | None]:
        """``claim`` on a result in the folder."""
        return claim(target, self.path / self.claims_folder)

    def sweep(self) -> None:
        """``sweep`` what killed processes left in the making."""
        sweep(self.path / self.claims_folder)

    def go_through(
        self,
        items: Iterable[Item],
        attempt: Callable[[Item], Outcome | None],
        give_up: Callable[[Item], Outcome],
    ) -> Iterator[Outcome]:
        """Attempt all items; an outcome for each.

        Those that another process has in hand come last: once it is done with them, or was killed
        and they are done here. attempt, give_up: as ``wait_for`` takes them. However it ends, what
        is in nobody's hands is swept up.
        """
        try:
            elsewhere = []
            for item in items:
                outcome = attempt(item)
                if outcome is None:
                    elsewhere.append(item)
                else:
                    yield outcome
            for item in elsewhere:
                yield self.wait_for(item, attempt, give_up)
        finally:
            self.sweep()

    def wait_for(
        self,
        item: Item,
        attempt: Callable[[Item], Outcome | None],
        give_up: Callable[[Item], Outcome],
    ) -> Outcome:
        """Attempt an item until it is in no other process's hands.

        attempt: the outcome of an item, be it done here or before; None while another process has
        it in hand. give_up: the outcome, or an error that it raises, after ``timeout_s``.
        """
        deadline = time.monotonic() + self.timeout_s
        while True:
            outcome = attempt(item)
            if outcome is not None:
                return outcome
            if time.monotonic() > deadline:
                return give_up(item)
            time.sleep(POLL_S)

    def _write_settings(
        self, settings: Mapping[str, Any], check_new: Callable[[], None] | None
    ) -> None:
        """See to it that there are settings, whoever writes them."""
        file, deadline = self.path / self.settings_file, time.monotonic() + self.settings_timeout_s
        try:
            while not file.exists():
                with self.claim(file) as part:
                    if part is not None:
                        if check_new is not None:
                            check_new()
                        part.write_bytes(json.dumps(settings, indent=2).encode() + b"\n")
                        continue
                if time.monotonic() > deadline:
                    raise OutputError(f"{file} has been locked by another process for too long")
                time.sleep(POLL_S)
        finally:
            self.sweep()


def count_done(targets: Iterable[Path]) -> int:
    """How many of these results are there: whole, for nothing else shows under its name."""
    return sum(os.path.lexists(target) for target in targets)


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
