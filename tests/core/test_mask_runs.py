"""Masks as runs: what upsampling everything would give, at the cost of the mask alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core import rle
from anymask.core.geometry import ResizeMap, mask_boxes
from anymask.core.logits import stability_score, upsample
from anymask.core.mask_runs import BAND_PX, MaskRuns, runs_and_stability

SIZES = [(480, 640), (640, 480), (1, 1), (3, 700), (1024, 1024), (1500, 1100), (255, 257)]


def whole(runs: MaskRuns) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """The mask at the size of the image."""
    mask = np.zeros(runs.image_hw, dtype=bool)
    for column, top, bottom in zip(runs.columns, runs.tops, runs.bottoms):
        assert not mask[top:bottom, column].any()
        mask[top:bottom, column] = True
    return mask


@settings(max_examples=60, deadline=None)
@given(
    hw=st.sampled_from(SIZES),
    corner=st.tuples(st.integers(0, 63), st.integers(0, 63)),
    size=st.tuples(st.integers(0, 64), st.integers(0, 64)),
    seed=st.integers(0, 99),
)
def test_runs_are_what_upsampling_everything_gives(
    hw: tuple[int, int], corner: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    low = np.full((64, 64), -9.0, np.float32)
    part = low[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
    part[:] = np.random.default_rng(seed).normal(0, 4, part.shape)
    resize_map = ResizeMap(hw, 256)
    runs, stability = runs_and_stability(low, resize_map)
    logits = upsample(low, resize_map)
    clear = np.abs(logits) > 1e-4  # rounding may move what lies on the threshold
    np.testing.assert_array_equal(whole(runs)[clear], (logits > 0)[clear])
    mask = whole(runs)
    assert runs.to_rle() == rle.encode(mask)
    assert runs.area() == mask.sum()
    np.testing.assert_array_equal(runs.box_xyxy(), mask_boxes(mask) if mask.any() else [0] * 4)
    assert stability == pytest.approx(stability_score(logits, 0, 1), abs=1e-3)


def test_runs_of_a_large_image_are_few() -> None:
    low = np.full((256, 256), -9.0, np.float32)
    low[100:110, 60:80] = 9
    runs, stability = runs_and_stability(low, ResizeMap((9000, 12000), 1024))
    assert runs.area() > 4 * BAND_PX
    assert len(runs.columns) < 12000 / 10
    assert stability > 0.9
    x0, y0, x1, y1 = runs.box_xyxy()
    assert (x1 - x0) * (y1 - y0) == pytest.approx(runs.area(), rel=0.01)
    assert x0 == pytest.approx(60 * 12000 / 256, abs=50)
    assert y0 == pytest.approx(100 * 12000 / 256, abs=50)


def test_nothing_has_no_runs() -> None:
    runs, stability = runs_and_stability(
        np.full((64, 64), -9.0, np.float32), ResizeMap((48, 64), 256)
    )
    assert (runs.area(), stability) == (0, 0.0)
    assert runs.box_xyxy().tolist() == [0, 0, 0, 0]
    assert rle.area(runs.to_rle()) == 0


def test_runs_of_a_crop_move_with_it() -> None:
    columns, tops = np.array([1, 2, 3]), np.array([4, 4, 4])
    runs = MaskRuns(columns, tops, tops + 2, (10, 10)).within(20, 30, (99, 88))
    assert runs.box_xyxy().tolist() == [21, 34, 24, 36]
    assert runs.area() == 6
    assert rle.decode(runs.to_rle()).sum() == 6
    assert runs.to_rle()["size"] == [99, 88]
