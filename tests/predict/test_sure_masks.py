"""The surest masks of a detector's boxes: each object once, the surest first."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anymask.core import rle
from anymask.core.image import RGB
from anymask.errors import Error
from anymask.models.detector import DetectorConfig, ObjectDetector
from anymask.predict.detector import Detector
from anymask.predict.predictor import Predictor
from anymask.predict.sure_masks import MOST_MASKS, OBJECT_IOU, sure_masks
from anymask.weights.checkpoint import Checkpoint


@pytest.fixture
def detector(tiny_predictor: Predictor) -> Detector:
    """One that guesses, but reads the tiny model's embeddings."""
    torch.manual_seed(0)
    config = DetectorConfig(tiny_predictor.model_id, width=64, grid=8, image_px=128, channels=16)
    model = ObjectDetector(config)
    with torch.no_grad():
        for answer in model.answers:
            assert isinstance(answer, torch.nn.Conv2d)
            answer.weight.normal_(std=0.5)
    return Detector(Checkpoint("guesses", config, model.state_dict()))


def test_each_object_comes_once_the_surest_first(
    detector: Detector, tiny_predictor: Predictor, picture: RGB
) -> None:
    embedding = tiny_predictor.encode(picture)
    sure = sure_masks(tiny_predictor, embedding, detector)
    assert 0 < len(sure.annotations) == len(sure.scores) <= MOST_MASKS
    assert (np.diff(sure.scores) <= 0).all()
    assert sure.annotations.image_hw == picture.shape[:2]
    masks = [one["segmentation"] for one in sure.annotations]
    overlap = rle.iou(masks, masks) - np.eye(len(masks))
    assert overlap.max() <= OBJECT_IOU
    for one in sure.annotations:
        assert one["area"] == rle.area(one["segmentation"]) > 0
        assert one["bbox"] == rle.bbox_xywh(one["segmentation"])


def test_no_mask_is_surer_than_its_box(
    detector: Detector, tiny_predictor: Predictor, picture: RGB
) -> None:
    embedding = tiny_predictor.encode(picture)
    _, scores = detector.detect(embedding)
    assert sure_masks(tiny_predictor, embedding, detector).scores.max() <= scores.max()
    assert len(sure_masks(tiny_predictor, embedding, detector, 1.0).annotations) == 0
    with pytest.raises(Error, match="between 0 and 1, not 2"):
        sure_masks(tiny_predictor, embedding, detector, 2)
