"""The cache: what is proved, kept, locked and left behind, with a real server on this machine."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anymask.errors import DownloadError, HashError, OfflineError, WeightsError
from anymask.weights import fetch as fetching
from anymask.weights.fetch import cache_folder, cache_path, fetch, fetch_row, sha256_of
from anymask.weights.registry import Row, WeightFile
from tests.weights.loopback import (
    CONTENT,
    SHA256,
    SIZE_BYTES,
    Behaviour,
    Server,
    leftovers,
    place,
    wanted,
)

# --- where the cache is


def test_cache_folder_follows_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("ANYMASK_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "anymask"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "anymask"


def test_cache_folder_is_absolute_and_expands_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANYMASK_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("ANYMASK_CACHE", "mine")
    assert cache_folder() == Path.cwd() / "mine"


def test_cache_path_derives_from_the_hash(tmp_path: Path) -> None:
    expected = tmp_path / "cache" / "weights" / SHA256[:16] / "weights.bin"
    assert cache_path(wanted()) == expected


def test_sha256_of(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    assert sha256_of(tmp_path / "a") == SHA256


# --- a download that goes well


def test_fetches_once_and_leaves_nothing_beside_it(server: Server) -> None:
    file = wanted(server.serve("/w"))
    assert fetch(file).read_bytes() == CONTENT
    assert fetch(file) == cache_path(file)
    assert len(server.requests) == 1
    assert [name for name in leftovers(file) if not name.endswith(".lock")] == ["weights.bin"]


def test_progress_counts_up_to_the_size(server: Server) -> None:
    calls: list[tuple[int, int]] = []
    fetch(wanted(server.serve("/w")), on_progress=lambda *call: calls.append(call))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, SIZE_BYTES)
    assert len(calls) > 2
    assert {call[1] for call in calls} == {SIZE_BYTES}


def test_fetch_row_counts_its_files_together(server: Server) -> None:
    other = b"other"
    second = WeightFile(
        "other.bin", hashlib.sha256(other).hexdigest(), 5, (server.serve("/o", Behaviour(other)),)
    )
    row = Row("test", "none", "none", (wanted(server.serve("/w")), second), "MIT", "two files")
    calls: list[tuple[int, int]] = []
    paths = fetch_row(row, on_progress=lambda *call: calls.append(call))
    assert list(paths) == ["weights.bin", "other.bin"]
    assert paths["other.bin"].read_bytes() == other
    assert calls[-1] == (SIZE_BYTES + 5, SIZE_BYTES + 5)


def test_follows_a_redirect(server: Server) -> None:
    server.serve("/real")
    file = wanted(server.serve("/moved", Behaviour(redirect_to="/real")))
    assert fetch(file).read_bytes() == CONTENT


# --- offline, and a cached file that was changed


def test_offline_serves_the_cache_and_nothing_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = wanted(server.serve("/w"))
    with pytest.raises(OfflineError, match=SHA256) as caught:
        fetch(file, offline=True)
    assert str(cache_path(file)) in str(caught.value)
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    with pytest.raises(OfflineError):
        fetch(file)
    assert not server.requests
    place(file, CONTENT)
    assert fetch(file) == cache_path(file)
    assert not server.requests


@pytest.mark.parametrize("value", ["", "0"])
def test_the_offline_variable_can_be_off(
    server: Server, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ANYMASK_OFFLINE", value)
    assert fetch(wanted(server.serve("/w"))).is_file()


def test_the_argument_overrules_the_offline_variable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    assert fetch(wanted(server.serve("/w")), offline=False).is_file()


def test_a_tampered_file_is_fetched_again(server: Server) -> None:
    file = wanted(server.serve("/w"))
    place(file, b"x" + CONTENT[1:])
    assert fetch(file).read_bytes() == CONTENT


def test_a_tampered_file_in_offline_mode_is_a_hash_error() -> None:
    file = wanted()
    tampered = b"x" + CONTENT[1:]
    path = place(file, tampered)
    with pytest.raises(HashError, match=SHA256) as caught:
        fetch(file, offline=True)
    assert hashlib.sha256(tampered).hexdigest() in str(caught.value)
    assert path.read_bytes() == tampered


# --- two processes


def run_python(script: str) -> subprocess.Popen[bytes]:
    home = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(home)}
    )


def test_a_killed_run_leaves_a_part_and_no_file(server: Server, cache: Path) -> None:
    """Killed by the signal that no program can answer, in the middle of the body."""
    behaviour = Behaviour(body=CONTENT * 4)
    content = behaviour.body
    file = WeightFile(
        "weights.bin",
        hashlib.sha256(content).hexdigest(),
        len(content),
        (server.serve("/w", behaviour),),
    )
    script = (
        "import os, signal\n"
        "from anymask.weights.fetch import fetch\n"
        "from anymask.weights.registry import WeightFile\n"
        f"file = WeightFile({file.name!r}, {file.sha256!r}, {file.size_bytes}, {file.sources!r})\n"
        "def stop(done, total):\n"
        "    if done > total // 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "fetch(file, on_progress=stop)\n"
    )
    assert run_python(script).wait(30) == -signal.SIGKILL
    assert not cache_path(file).exists()
    assert 0 < cache_path(file).with_name("weights.bin.part").stat().st_size < len(content)
    assert fetch(file).read_bytes() == content
    assert server.ranges()[-1].startswith("bytes=")


def test_two_processes_download_once(server: Server) -> None:
    file = wanted(server.serve("/w", Behaviour(delay_s=0.5)))
    script = (
        "from anymask.weights.fetch import fetch\n"
        "from anymask.weights.registry import WeightFile\n"
        f"fetch(WeightFile({file.name!r}, {SHA256!r}, {SIZE_BYTES}, {file.sources!r}))\n"
    )
    both = [run_python(script) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert cache_path(file).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_lock_that_is_never_free(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LOCK_TIMEOUT_S", 0.1)
    file = wanted(server.serve("/w"))
    with (
        fetching._locked(cache_path(file)),
        pytest.raises(WeightsError, match="another process"),
    ):
        fetch(file)
    assert fetch(file).is_file()


# --- broken disks


def test_a_cache_that_is_a_file(server: Server, cache: Path) -> None:
    cache.write_text("in the way")
    with pytest.raises(WeightsError, match="ANYMASK_CACHE") as caught:
        fetch(wanted(server.serve("/w")))
    assert str(cache) in str(caught.value)
    assert not server.requests


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions don't bind this user"
)
def test_a_read_only_cache_serves_what_it_has(server: Server) -> None:
    file = wanted(server.serve("/w"))
    folder = place(file, CONTENT).parent
    folder.chmod(0o555)
    try:
        assert fetch(file).read_bytes() == CONTENT
        folder.chmod(0o755)
        cache_path(file).unlink()
        folder.chmod(0o555)
        with pytest.raises(WeightsError, match="ANYMASK_CACHE"):
            fetch(file)
    finally:
        folder.chmod(0o755)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_names_the_folder_and_the_variable(server: Server) -> None:
    file = wanted(server.serve("/a"), server.serve("/b"))
    part = cache_path(file).with_name("weights.bin.part")
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(WeightsError, match="No space left") as caught:
        fetch(file)
    assert not isinstance(caught.value, DownloadError)
    assert str(part.parent) in str(caught.value)
    assert "ANYMASK_CACHE" in str(caught.value)
    assert len(server.requests) == 1, "the second source can't help"
    assert not cache_path(file).exists()
