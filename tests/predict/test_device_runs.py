"""Full-size masks by torch alone, as on a device, against those of a processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anymask.core import rle
from anymask.core.geometry import ResizeMap
from anymask.predict import device_runs


@pytest.mark.parametrize("hw", [(48, 64), (640, 480), (100, 300), (1, 1)])
def test_a_device_finds_what_a_processor_finds(
    hw: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_runs, "CHUNK_PX", 2 * hw[0] * hw[1])  # several chunks
    logits = torch.from_numpy(np.random.default_rng(0).normal(0, 4, (5, 64, 64)).astype("f4"))
    logits[1] = -9
    logits[2] = 9
    resize_map = ResizeMap(hw, 256)
    ours = device_runs.by_torch(logits, resize_map, 1.0)
    theirs = device_runs.runs_and_stabilities(logits, resize_map, 1.0)
    assert len(ours) == len(theirs) == 5
    for (runs, stability), (expected, score) in zip(ours, theirs):
        assert stability == pytest.approx(score, abs=1e-3)
        different = rle.decode(runs.to_rle()) != rle.decode(expected.to_rle())
        assert different.mean() < 1e-4  # on the threshold, to rounding
        assert runs.area() == pytest.approx(expected.area(), abs=3)
