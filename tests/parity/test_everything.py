"""Everything-mode against the official generator: its records of three photographs, and itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anymask.compat import SamAutomaticMaskGenerator
from anymask.core import rle
from anymask.core.image import read_image
from anymask.errors import Error
from anymask.predict.predictor import Predictor


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize("name", ["dog", "groceries", "truck"])
def test_the_default_weights_find_what_they_find_officially(
    mobile_sam: Predictor, data_folder: Path, name: str
) -> None:
    photos = data_folder / "photos"
    official = json.loads((photos / "official_everything" / f"{name}.json").read_text())
    image = read_image(photos / f"{name}.jpg")
    ours = SamAutomaticMaskGenerator(mobile_sam, output_mode="coco_rle").generate(image)
    assert abs(len(ours) - len(official)) <= 0.02 * len(official)
    overlap = rle.iou(
        [one["segmentation"] for one in official], [one["segmentation"] for one in ours]
    )
    assert (overlap.max(axis=1) >= 0.97).mean() >= 0.98
    for theirs, index in zip(official, overlap.argmax(axis=1)):
        same_record(ours[index], theirs)


def same_record(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Compare two records of what should be one mask."""
    np.testing.assert_allclose(ours["predicted_iou"], theirs["predicted_iou"], atol=1e-3)
    np.testing.assert_allclose(ours["stability_score"], theirs["stability_score"], atol=5e-3)
    np.testing.assert_allclose(ours["point_coords"], theirs["point_coords"], atol=1e-3)
    np.testing.assert_allclose(ours["bbox"], theirs["bbox"], atol=2)
    assert ours["crop_box"] == theirs["crop_box"]


def test_the_generator_keeps_the_official_names_and_output_modes(
    tiny_predictor: Predictor, tmp_path: Path
) -> None:
    image = read_image(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8))
    settings: dict[str, Any] = {
        "points_per_side": 3,
        "pred_iou_thresh": -9.0,
        "stability_score_thresh": 0.0,
    }
    found = {
        mode: SamAutomaticMaskGenerator(
            tiny_predictor,
            crops_n_layers=1,
            output_mode=mode,
            **settings,
        ).generate(image)
        for mode in ("binary_mask", "coco_rle", "uncompressed_rle")
    }
    assert len(found["binary_mask"]) > 0
    for binary, coco, plain in zip(*found.values()):
        assert list(binary) == [
            "segmentation", "area", "bbox", "predicted_iou", "point_coords",
            "stability_score", "crop_box",
        ]  # fmt: skip
        np.testing.assert_array_equal(binary["segmentation"], rle.decode(coco["segmentation"]))
        lengths = plain["segmentation"]["counts"]
        assert sum(lengths) == 60 * 90
        assert sum(lengths[1::2]) == binary["area"] == binary["segmentation"].sum()


def test_a_grid_of_ones_own_replaces_the_regular_one(tiny_predictor: Predictor) -> None:
    image = np.zeros((60, 90, 3), np.uint8)
    generator = SamAutomaticMaskGenerator(
        tiny_predictor,
        points_per_side=None,
        point_grids=[np.array([[0.5, 0.5]])],
        pred_iou_thresh=-9.0,
        stability_score_thresh=0.0,
    )
    assert {tuple(one["point_coords"][0]) for one in generator.generate(image)} == {(45.0, 30.0)}


def test_settings_that_contradict_each_other_are_refused(tiny_predictor: Predictor) -> None:
    with pytest.raises(Error, match="either"):
        SamAutomaticMaskGenerator(tiny_predictor, points_per_side=None)
    with pytest.raises(Error, match="output_mode"):
        SamAutomaticMaskGenerator(tiny_predictor, output_mode="png")
    with pytest.raises(Error, match="grid"):
        SamAutomaticMaskGenerator(
            tiny_predictor, points_per_side=None, point_grids=[np.zeros((1, 2))], crop_n_layers=1
        )
