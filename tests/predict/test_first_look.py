"""The fast mode: exact where everything is sharp, honest about the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from anymask.core import rle
from anymask.core.image import read_image
from anymask.core.protocol import DiscSegmenter
from anymask.errors import Error
from anymask.models.mask_decoder import logit_map as in_order
from anymask.predict import first_look as looking
from anymask.predict.automatic import (
    AutomaticConfig,
    Candidate,
    point_grid,
    segment_everything,
)
from anymask.predict.predictor import Predictor

EVERY_MASK = AutomaticConfig(
    pred_iou_thresh=-9, stability_score_thresh=0, box_nms_thresh=1, fast=True
)


def test_where_the_window_is_everything_the_fast_mode_is_the_exact_one(
    tiny_predictor: Predictor, picture: npt.NDArray[np.uint8]
) -> None:
    assert tiny_predictor.model.config.encoder.grid == looking.TILE
    embedding, points = tiny_predictor.encode(picture), point_grid(4, (60, 90))
    exact, fast = (
        sorted(tiny_predictor.candidates(embedding, points, config), key=by_point)
        for config in (replace(EVERY_MASK, fast=False), EVERY_MASK)
    )
    assert len(fast) == len(exact) == 3 * 16
    for a, b in zip(fast, exact):
        assert a.point == b.point
        assert a.predicted_iou == pytest.approx(b.predicted_iou, abs=1e-5)
        assert a.stability_score == pytest.approx(b.stability_score, abs=1e-4)
        assert a.runs.area() == pytest.approx(b.runs.area(), abs=2)


def by_point(candidate: Candidate) -> tuple[int, float]:
    return candidate.point, candidate.predicted_iou


@pytest.mark.parametrize("tile", [(0, 0), (3, 5), (7, 7)])
def test_a_window_stands_for_every_position_once(tile: tuple[int, int]) -> None:
    window = looking._window(tile, 64)
    counts = np.exp(window.log_weight())
    assert counts.sum() == pytest.approx(64 * 64)
    left, top, right, bottom = window.inside
    assert left % looking.STEP == top % looking.STEP == 0
    itself = np.arange(64 * 64).reshape(64, 64)[top:bottom, left:right]
    np.testing.assert_array_equal(window.index[window.nearest[top:bottom, left:right]], itself)
    assert len(window.index) <= 16 * 16 + 16 * 16


def test_sharp_logits_are_put_where_they_belong() -> None:
    window = looking._window((2, 2), 64)
    everywhere = torch.randn(1, 64 * 64 * 16)
    whole = in_order(everywhere)[0]
    cells = everywhere.view(1, 64 * 64, 16)[:, torch.from_numpy(window.index)]
    seen = window.to_grid(cells.flatten(1))[0]
    left, top, right, bottom = (4 * side for side in window.inside)
    torch.testing.assert_close(seen[top:bottom, left:right], whole[top:bottom, left:right])
    torch.testing.assert_close(seen[8:12, 8:12], whole[8:12, 8:12])  # a position of the coarse part
    torch.testing.assert_close(seen[0:4, 0:4], whole[8:12, 8:12])  # which stands for its like


def test_a_segmenter_without_candidates_has_no_fast_mode() -> None:
    with pytest.raises(Error, match="candidates"):
        segment_everything(DiscSegmenter(), np.zeros((64, 64, 3), np.uint8), EVERY_MASK)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize("name", ["dog", "groceries"])
def test_the_fast_mode_finds_nearly_all_that_the_official_generator_finds(
    mobile_sam: Predictor, data_folder: Path, name: str
) -> None:
    photos = data_folder / "photos"
    official = json.loads((photos / "official_everything" / f"{name}.json").read_text())
    fast = segment_everything(
        mobile_sam, read_image(photos / f"{name}.jpg"), AutomaticConfig(fast=True)
    )
    overlap = rle.iou([one["segmentation"] for one in official], [a["segmentation"] for a in fast])
    assert (overlap.max(axis=1) >= 0.75).mean() >= 0.95
    assert len(fast) <= 1.1 * len(official)
