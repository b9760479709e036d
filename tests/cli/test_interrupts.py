"""Ctrl-C at any moment: a line, status 130, no traceback and nothing half-written."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.cli import interrupts
from anymask.weights.checkpoint import Checkpoint

# Whoever started the tests may have chosen to ignore the signal.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
SIGN = """
import sys
class Sign:
    def find_spec(self, name, *_):
        if name == {module!r}:
            print("sign", flush=True)
sys.meta_path.insert(0, Sign())
"""
MAIN = "from anymask.cli.main import main; main()"


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Checkpoint) -> Path:
    tiny_checkpoint.save(tmp_path / "w")
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save(tmp_path / "i.png")
    return tmp_path


@pytest.mark.parametrize(
    "module", ["typer", "anymask.cli.segment", "cv2", "torch", "torch.nn", "anymask.models.sam"]
)
def test_a_command_that_still_imports_stops_in_a_line(folder: Path, module: str) -> None:
    code = f"{HEARING}\n{SIGN.format(module=module)}\n{MAIN}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "segment", "i.png", "--weights", "w", "--point", "1,1"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "sign\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "anymask: stopped\n")
    assert {path.name for path in folder.iterdir()} == {"i.png", "w"}


def test_a_command_at_work_stops_in_a_line(folder: Path) -> None:
    """It waits for an image on standard input, which never comes."""
    code = f"{HEARING}\n{MAIN}"
    sign = (
        "import sys; from anymask.cli.segmenting import inputs\n"
        "class Stdin:\n"
        "    buffer = property(lambda self: self)\n"
        "    def read(self):\n"
        "        print('sign', flush=True)\n"
        "        return stdin.buffer.read()\n"
        "stdin, sys.stdin = sys.stdin, Stdin()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", sign + code, "segment", "-", "--weights", "w", "--point", "1,1"],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "sign\n"
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (130, "anymask: stopped\n")
    assert {path.name for path in folder.iterdir()} == {"i.png", "w"}


def test_a_handler_of_somebody_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        interrupts.listen()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        interrupts.unlisten()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
