"""README's first example in Python runs, on the photograph it speaks of, and says what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from anymask.predict.predictor import Predictor

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.weights
def test_the_example_in_python_runs(
    mobile_sam: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photograph = Image.fromarray(data.astronaut())
    (tmp_path / "demo").mkdir()
    for name in ("astronaut.png", "click.png"):
        photograph.save(tmp_path / "demo" / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    example = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0]
    every = 'segment_everything(sam, "demo/astronaut.png")'
    assert every in example
    coarse = every.replace(")", ", anymask.AutomaticConfig(points_per_side=6))")
    example = example.replace(every, coarse)  # the full grid takes a minute
    names: dict[str, Any] = {}
    exec(example, names)
    np.testing.assert_allclose(names["masks"].predicted_iou, [[0.5422, 0.4123, 0.2731]], atol=2e-3)
    for name in ("click.png", "face.coco.json", "everything.png"):
        assert (tmp_path / name).stat().st_size > 0
