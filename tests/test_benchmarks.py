"""The scripts that measure on a card run without one, on small sizes, so that they are whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.predict.predictor import Predictor

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks" / "gpu"


@pytest.mark.weights
@pytest.mark.parametrize(
    "name",
    ["encode", "all_masks", "clicks", pytest.param("training_step", marks=pytest.mark.slow)],
)
def test_a_script_for_a_card_prints_its_table(
    mobile_sam: Predictor, tmp_path: Path, name: str
) -> None:
    photograph = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photograph)
    done = subprocess.run(
        [sys.executable, SCRIPTS / f"{name}.py", photograph, "--device", "cpu", "--quick"],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no card" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) >= 2
