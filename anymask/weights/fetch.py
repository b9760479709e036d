"""Fetch: the files of a registry row into the cache on this machine, their sha256 proved.

The path in the cache derives from the sha256. Bytes gather in ``<name>.part`` beside it and are
renamed once the sha256 is right, so that the cache never shows half a file under its name. Nothing
here prints.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from anymask.errors import DownloadError, HashError, OfflineError, WeightsError
from anymask.weights.registry import Row, WeightFile
from anymask.weights.sources import Download, Progress, receive, sha256_of

__all__ = ["Progress", "cache_folder", "cache_path", "fetch", "fetch_row", "sha256_of"]

# As long as the largest row may take another process on a slow line.
LOCK_TIMEOUT_S = 4 * 3600.0


def cache_folder() -> Path:
    """``$ANYMASK_CACHE``, else ``$XDG_CACHE_HOME/anymask``, else ``~/.cache/anymask``; absolute."""
    chosen = os.environ.get("ANYMASK_CACHE")
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        # The XDG specification asks to ignore a relative path.
        xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
        return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "anymask"
    except RuntimeError as error:
        raise WeightsError(f"no place for the weights cache ({error}); set ANYMASK_CACHE") from None


def cache_path(file: WeightFile) -> Path:
    """Where the file lies once fetched: ``<cache>/weights/<sha256, first 16 digits>/<name>``."""
    return cache_folder() / "weights" / file.sha256[:16] / file.name


def fetch(
    file: WeightFile, *, offline: bool | None = None, on_progress: Progress | None = None
) -> Path:
    """The path of the file in the cache, fetched if need be; its sha256 is proved on every call.

    offline: forbid the network; None asks ``$ANYMASK_OFFLINE`` (set, and neither empty nor 0).
    on_progress: called with the bytes that are here so far and the file's size in bytes; the first
        may fall when a source has to start anew. Not called for a file that is in the cache.

    Two processes that want the same file download it once. An interrupted download goes on where it
    stopped. Raises ``DownloadError`` when every source fails, ``HashError`` when every one sends
    other bytes or when the cached file is a wrong one in offline mode, ``OfflineError`` when it is
    not there in offline mode, and ``WeightsError`` when the cache can't be written.
    """
    target = cache_path(file)
    with _disk_errors_explained(target.parent):
        # Without the lock: a cache that is shared read-only serves what it has.
        if _is_proved(target, file):
            return target
        if is_offline(offline):
            raise _missing_error(target, file)
        with _locked(target):
            # Another process may have fetched it while this one waited.
            if not _is_proved(target, file):
                target.unlink(missing_ok=True)
                _download(file, target, on_progress or _ignore)
    return target


def joined_sha256(*several: str) -> str:
    """The sha256 that stands for several files together, of theirs."""
    return hashlib.sha256("".join(several).encode()).hexdigest()


def fetch_row(
    row: Row, *, offline: bool | None = None, on_progress: Progress | None = None
) -> dict[str, Path]:
    """Fetch every file of a row: name to path, in the row's order; see ``fetch``.

    on_progress counts the bytes of the row's files together.
    """
    total = sum(file.size_bytes for file in row.files)
    report = on_progress or _ignore
    paths: dict[str, Path] = {}
    before = 0
    for file in row.files:

        def report_row(done: int, _size: int, before: int = before) -> None:
            report(before + done, total)

        paths[file.name] = fetch(file, offline=offline, on_progress=report_row)
        before += file.size_bytes
    return paths


def _ignore(_done: int, _total: int) -> None:
    """The progress callback of a caller who gave none."""


def is_offline(offline: bool | None) -> bool:
    """Whether the network is forbidden; None asks ``$ANYMASK_OFFLINE``."""
    return os.environ.get("ANYMASK_OFFLINE", "") not in ("", "0") if offline is None else offline


def _is_proved(path: Path, file: WeightFile) -> bool:
    return (
        path.is_file() and path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256
    )


def _missing_error(target: Path, file: WeightFile) -> WeightsError:
    if target.is_file():
        return HashError(
            f"{target} has the sha256 {sha256_of(target)}, not {file.sha256}; "
            f"leave offline mode (ANYMASK_OFFLINE) and it is fetched again"
        )
    return OfflineError(
        f"{file.name} is not in the cache and offline mode forbids to fetch it; leave offline mode "
        f"(ANYMASK_OFFLINE), or place the file with sha256 {file.sha256} at {target}"
    )


@contextmanager
def _disk_errors_explained(folder: Path) -> Iterator[None]:
    """Sources turn their own trouble into ``DownloadError``: an ``OSError`` is the disk's."""
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"can't use the weights cache {folder}: {error.strerror or error}; "
            f"make room or set ANYMASK_CACHE to a folder that can be written"
        ) from error


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{target}.lock", timeout=LOCK_TIMEOUT_S)
    try:
        lock.acquire()
    except Timeout:
        raise WeightsError(
            f"another process has been fetching {target.name} for {LOCK_TIMEOUT_S / 3600:g} h and "
            f"holds {lock.lock_file}; end it and try again"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _download(file: WeightFile, target: Path, report: Progress) -> None:
    """Try each source in order until the file stands at its target."""
    download = Download(file, target.with_name(f"{target.name}.part"), report)
    if download.received_bytes() >= file.size_bytes:
        # An earlier run ended between the last byte and the renaming.
        with suppress(HashError):
            download.prove()
            download.part.replace(target)
            return
    failures: list[tuple[str, WeightsError]] = []
    for source in file.sources:
        try:
            receive(source, download)
            download.part.replace(target)
            return
        except (DownloadError, HashError) as error:
            failures.append((source, error))
    raise _failure(file, target, failures)


def _failure(
    file: WeightFile, target: Path, failures: list[tuple[str, WeightsError]]
) -> WeightsError:
    is_hash = bool(failures) and all(isinstance(error, HashError) for _, error in failures)
    reason = "every source sent other bytes" if is_hash else "every source failed"
    lines = [f"can't fetch {file.name}: {reason}"]
    for source, error in failures:
        lines += [f"  {source}", f"    {error}"]
    lines += [f"To place it by hand, copy the file with sha256 {file.sha256} to", f"  {target}"]
    return (HashError if is_hash else DownloadError)("\n".join(lines))
