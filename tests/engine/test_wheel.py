"""Who installs anymask has the page, without Node.js: built, installed and run in an environment of
its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import urllib.request
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from anymask.engine.page import STATIC

ROOT = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 12_000_000  # of the wheel: two builds of ONNX Runtime are 8 MB of it

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with what builds packages."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    call(folder / "bin" / "pip", "install", "--quiet", "hatchling")
    return folder / "bin"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git has of this checkout, and the built page."""
    if not (STATIC / "index.html").is_file():
        pytest.fail("the page is not built: make web")
    folder = tmp_path_factory.mktemp("checkout") / "anymask"
    wanted = ("anymask", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore")
    names = call("git", "-C", ROOT, "ls-files", "-z", *wanted)
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shutil.copytree(STATIC, folder / "anymask" / "engine" / "static")
    return folder


def call(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_made_of_the_source_package_serves_the_page(
    environment: Path, checkout: Path, tmp_path: Path, mock_export: Callable[[Path], Path]
) -> None:
    python = environment / "python"
    call(python, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=checkout)
    (source,) = tmp_path.glob("*.tar.gz")
    pip = (environment / "pip", "--quiet", "--disable-pip-version-check")
    call(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "anymask/engine/static/index.html" in names
    assert sum(name.endswith(".wasm") for name in names) == 2  # for the card and the processor
    assert not any("test" in Path(name).name for name in names)
    assert wheel.stat().st_size < LARGEST_BYTES

    call(*pip, "install", "-c", ROOT / "constraints.txt", wheel, "fastapi", "uvicorn")
    export = mock_export(tmp_path / "export")
    process = subprocess.Popen(
        [environment / "anymask", "web", "--no-open", "--port", "0", "--weights", export],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[0]
    with urllib.request.urlopen(url, timeout=20) as page:
        assert page.read() == (STATIC / "index.html").read_bytes()
    with urllib.request.urlopen(f"{url}sample", timeout=20) as sample:
        assert "drawing.png" in sample.headers["Content-Disposition"]  # no scikit-image there
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
