"""README's first example in Python runs, on the photograph it speaks of, and says what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anymask.predict.predictor import Predictor

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.weights
@pytest.mark.data
def test_the_example_in_python_runs(
    mobile_sam: Predictor, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data_folder / "photos")
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    example = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(example, names)
    np.testing.assert_allclose(names["masks"].predicted_iou, [[0.9998, 0.9869, 0.9023]], atol=1e-3)
