"""Other people's tools, in environments of their own, and an image with a few known masks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.environments import environments, python_with

HW = (48, 64)
SCRIPTS = Path(__file__).with_name("writers")
ENVIRONMENTS = {
    "detection": ("supervision==0.31.2", "datumaro==1.13.12", "opencv-python-headless==4.14.0.94"),
    "labelling": ("labelme==6.3.1", "label-studio-sdk==2.1.2", "sahi==0.12.8"),
}

Masks = dict[str, npt.NDArray[np.bool_]]
Run = Callable[..., str]


def known_masks() -> Masks:
    """(48, 64) a rectangle, one with a hole, one of two parts, and a strip of a pixel."""
    masks = {name: np.zeros(HW, bool) for name in ("plain", "hole", "parts", "strip")}
    masks["plain"][6:18, 8:28] = True
    masks["hole"][20:36, 8:30] = True
    masks["hole"][24:30, 14:22] = False
    masks["parts"][4:14, 40:50] = True
    masks["parts"][20:26, 44:60] = True
    masks["strip"][40, 4:28] = True
    return masks


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with ``a.png`` and, for the scripts, the masks in ``masks.npz``."""
    np.savez(tmp_path / "masks.npz", masks=np.array(list(known_masks().values())))
    Image.new("RGB", HW[::-1], (90, 90, 90)).save(tmp_path / "a.png")
    return tmp_path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a script with the tools of an environment: its name, the script's, and arguments."""
    folder = environments(tmp_path_factory)

    def run_script(environment: str, script: str, *arguments: object) -> str:
        python = python_with(ENVIRONMENTS[environment], folder / environment)
        command = [python, SCRIPTS / f"{script}.py", *arguments]
        settings = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": ""}
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, env=settings, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_script
