"""Detection: what its rows and metrics are, with a detector that guesses."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.core import rle
from anymask.datasets.sample import VOID_GROUP
from anymask.errors import Error
from anymask.evaluation.experiments.detector import Detection, _judged
from anymask.models.detector import DetectorConfig, ObjectDetector
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint
from tests.training.scripted import sample


@pytest.fixture
def experiment(tmp_path: Path, tiny_predictor: Predictor) -> Detection:
    config = DetectorConfig(tiny_predictor.model_id, width=64, grid=8, image_px=128, channels=16)
    torch.manual_seed(0)
    model = ObjectDetector(config)
    Checkpoint("guesses", config, model.state_dict()).save(tmp_path / "detector")
    return Detection(detector=str(tmp_path / "detector"), least_score=0.0)


def test_rows_and_metrics(experiment: Detection, tiny_predictor: Predictor) -> None:
    rows = [
        {**row, "image": str(number)}
        for number in range(2)
        for row in experiment.rows(tiny_predictor, sample(number))
    ]
    assert len(rows) == 2
    for row in rows:
        assert len(row["boxes"]) == len(row["scores"]) > 0
        assert len(row["true_boxes"]) == len(row["areas"]) == 3
        assert len(row["mask_boxes"]) == len(row["mask_scores"])
        assert len(row["mask_scores"]) == len(row["right"]["50"]) == len(row["right"]["75"])
    metrics = dict(experiment.metrics(rows))
    assert 0 <= metrics["ap"] <= metrics["ap_50"] <= 1
    assert metrics["ar_1_50"] <= metrics["ar_100_50"]
    assert metrics["masks_per_image"] == np.mean([len(row["mask_scores"]) for row in rows])
    assert experiment.options()["detector"].startswith("guesses@")
    assert pickle.loads(pickle.dumps(experiment)) == experiment


def test_thresholds_of_a_good_detector() -> None:
    row = {
        "boxes": [[0, 0, 10, 10], [20, 20, 5, 5]],
        "scores": [0.9, 0.3],
        "true_boxes": [[0, 0, 10, 10], [40, 0, 9, 9]],
        "areas": [100, 81],
        "is_object": [True, True],
        "mask_boxes": [[0, 0, 10, 10], [20, 20, 5, 5]],
        "mask_scores": [0.9, 0.3],
        "right": {"50": [True, False], "75": [True, False]},
        "image": "a",
    }
    metrics = dict(Detection().metrics([row]))
    assert metrics["ar_100"] == metrics["masks_ar_100"] == 0.5
    assert metrics["precision_50_at_50_threshold"] == 0.3
    assert metrics["precision_90_at_75_threshold"] == 0.9
    assert metrics["precision_90_at_50_kept"] == 1
    assert metrics["precision_90_at_50_recall"] == 0.5
    assert metrics["precision_90_at_50_low"] < 0.5
    assert dict(Detection().metrics([])) == {}


def test_masks_in_what_nobody_decided_about_count_for_nothing() -> None:
    one = sample(0)
    truths = list(one.masks)
    undecided = replace(one, groups=(None, VOID_GROUP, None))
    other = np.zeros((96, 96), bool)
    other[:4, :4] = True
    counts, right = _judged([truths[0], truths[1], rle.encode(other)], undecided)
    assert counts == [True, False, True]
    assert right[0.5] == [True, False]
    for masks, least in product(([], truths), (0.5, 0.75)):
        assert _judged(masks, one)[1][least] == [True] * len(masks)


def test_without_a_detector_it_says_what_to_name() -> None:
    with pytest.raises(Error, match="--set detector=RUN/best"):
        Detection().options()
    with pytest.raises(Error, match="least_score is between"):
        Detection(least_score=2)
