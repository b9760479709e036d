"""``anymask web`` as a person runs it: an address, a browser, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anymask.engine.page import STATIC
from anymask.export.export_cache import kept_export
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.fetch import sha256_of
from anymask.weights.graph_pair import RUN_FILES

ANYMASK = [sys.executable, "-c", "from anymask.cli.main import main; main()", "web"]
START_S = 120
MockExport = Callable[[Path], Path]


@pytest.fixture(autouse=True)
def _page_is_built() -> None:
    if not (STATIC / "index.html").is_file():
        pytest.fail("the page is not built: make web")


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Checkpoint) -> Path:
    """A folder with weights ``w`` and a cache of its own."""
    tiny_checkpoint.save(tmp_path / "w")
    return tmp_path


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "ANYMASK_CACHE": str(folder / "cache"), **variables}
    return subprocess.Popen(
        [*ANYMASK, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(
    folder: Path, *arguments: str, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command with the tiny weights, and the address that it prints."""
    process = start(folder, "--weights", "w", *arguments, **variables)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("http://"), (line, process.stderr and process.stderr.read())
        yield process, line.split()[0]
    finally:
        process.kill()
        process.communicate()


def stopped(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Status and standard error after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    _, notes = process.communicate(timeout=30)
    return process.returncode, notes


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as response:
        content: bytes = response.read()
    return content


def failed(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    process = start(folder, *arguments, **variables)
    _, notes = process.communicate(timeout=START_S)
    return process.returncode, notes


@pytest.mark.slow
def test_the_model_is_exported_once_and_ctrl_c_ends_the_page(folder: Path) -> None:
    seconds, notes = [], []
    for _ in range(2):
        began = time.monotonic()
        with running(folder, "--port", "0", "--no-open") as (process, url):
            seconds.append(time.monotonic() - began)
            assert b"<title>anymask</title>" in get(url)
            assert json.loads(get(f"{url}model/export.json"))["dtype"] == "float16"
            assert get(f"{url}sample").startswith(b"\x89PNG")
            status, said = stopped(process)
            assert status == 0
            notes.append(said)
    kept = {path.name for path in (folder / "cache").rglob("*.*") if path.name != ".lock"}
    assert kept == {"export.json", *RUN_FILES}
    assert notes == [
        "exporting tiny for the browser, once: about a minute\nanymask: the page is closed\n",
        "anymask: the page is closed\n",
    ]
    assert seconds[1] < seconds[0] / 2, seconds


def test_a_kept_export_needs_neither_torch_nor_onnxruntime(
    folder: Path, mock_export: MockExport
) -> None:
    sha256 = sha256_of(folder / "w" / "model.safetensors")
    kept = folder / "cache" / "exports" / sha256[:16] / "float16"
    mock_export(kept)
    done = browser_model(folder, "w")
    assert (done.returncode, done.stdout.strip()) == (0, str(kept)), done.stderr


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: (kept / "click.onnx").write_bytes(b"other"),
        lambda kept: (kept / "export.json").unlink(),
        lambda kept: (kept / "export.json").write_text("{"),
        lambda kept: age(kept / "export.json"),
    ],
)
def test_a_kept_export_that_is_damaged_or_old_is_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mock_export: MockExport,
    spoil: Callable[[Path], object],
) -> None:
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path))
    (tmp_path / "w.pth").write_bytes(b"weights")
    kept = tmp_path / "exports" / sha256_of(tmp_path / "w.pth")[:16] / "float16"
    mock_export(kept)
    assert kept_export(tmp_path / "w.pth", "float16") == kept
    assert kept_export(tmp_path / "w.pth", "float32") is None
    spoil(kept)
    assert kept_export(tmp_path / "w.pth", "float16") is None


def age(header: Path) -> None:
    """As if another version of anymask had made it."""
    header.write_text(json.dumps(json.loads(header.read_text()) | {"versions": {"anymask": "0"}}))


def browser_model(folder: Path, weights: str) -> subprocess.CompletedProcess[str]:
    """What the page would get, and whether finding it took a deep-learning library."""
    check = (
        "import sys; from anymask.cli.serving.browser_model import browser_model;"
        "print(browser_model(sys.argv[1], True));"
        "sys.exit(any(name in sys.modules for name in ('torch', 'onnxruntime', 'onnx')))"
    )
    return subprocess.run(
        [sys.executable, "-c", check, weights],
        cwd=folder,
        env={**os.environ, "ANYMASK_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_ctrl_c_during_the_export_leaves_nothing_half_done(folder: Path) -> None:
    process = start(folder, "--weights", "w", "--port", "0", "--no-open")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("exporting tiny")
    time.sleep(0.5)
    status, notes = stopped(process)
    assert status == 130
    assert "Traceback" not in notes
    assert not [path for path in (folder / "cache").rglob("*") if path.suffix in (".onnx", ".part")]


@pytest.fixture
def export(folder: Path, mock_export: MockExport) -> Path:
    """An export, to be served as it is."""
    return mock_export(folder / "export")


def test_an_export_is_served_as_it_is_and_a_browser_opened(folder: Path, export: Path) -> None:
    browser, opened = folder / "browser", folder / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part\nmv {opened}.part {opened}\n')
    browser.chmod(0o755)
    arguments = ("--weights", str(export), "--port", "0")
    with running(folder, *arguments, BROWSER=f"{browser} %s") as (process, url):
        for _ in range(100):
            if opened.exists():
                break
            time.sleep(0.1)
        assert opened.read_text().strip() == url
        assert get(f"{url}model/export.json") == (export / "export.json").read_bytes()
        assert stopped(process) == (0, "anymask: the page is closed\n")
    assert not (folder / "cache").exists()


def test_a_port_in_use_is_a_line_and_without_one_the_next_is_taken(
    folder: Path, export: Path
) -> None:
    arguments = ("--weights", str(export), "--no-open")
    with running(folder, *arguments) as (_, first), running(folder, *arguments) as (_, second):
        assert first != second
        port = first.rstrip("/").rpartition(":")[2]
        status, notes = failed(folder, *arguments, "--port", port)
        assert status == 1
        assert notes == (
            f"anymask: port {port} of 127.0.0.1 is in use: give another, or no --port for the "
            "next free\n"
        )


def test_only_this_machine_is_served(folder: Path, export: Path) -> None:
    with running(folder, "--weights", str(export), "--port", "0", "--no-open") as (_, url):
        port = int(url.rstrip("/").rpartition(":")[2])
        with socket.socket() as other:
            other.settimeout(5)
            assert other.connect_ex(("127.0.0.2", port)) != 0


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--weights", "nothing"], 1, "no weights are named 'nothing'"),
        (["--weights", "none.pth"], 1, "there is no file or folder none.pth"),
        (["--weights", "sam2-hiera-tiny"], 1, "is a pair of ONNX graphs to run"),
        (["--host", "203.0.113.7"], 1, "can't listen on 203.0.113.7"),
        (["--host", "no.such.host.invalid"], 1, "can't listen on no.such.host.invalid"),
        (["--port", "70000"], 2, "--port"),
    ],
)
def test_what_can_not_be_served_is_a_line(
    folder: Path, arguments: list[str], status: int, line: str
) -> None:
    code, notes = failed(folder, "--no-open", *arguments)
    assert code == status
    assert line in notes
    if status == 1:
        assert len(notes.splitlines()) == 1


def test_a_missing_extra_is_named(folder: Path) -> None:
    check = (
        "import sys; sys.modules[sys.argv.pop(1)] = None; from anymask.cli.main import main; main()"
    )
    for package in ("fastapi", "uvicorn", "onnxscript"):
        done = subprocess.run(
            [sys.executable, "-c", check, package, "web", "--no-open", "--weights", "w"],
            cwd=folder,
            env={**os.environ, "ANYMASK_CACHE": str(folder / "cache")},
            capture_output=True,
            text=True,
            check=False,
            timeout=START_S,
        )
        assert done.returncode == 1
        assert done.stderr == (
            f"anymask: this needs the package {package}, which is not installed; "
            "install it with: pip install 'anymask[web]'\n"
        )
