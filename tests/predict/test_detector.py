"""Boxes of a detector: where they come out, which stay, and the masks that they get."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anymask.core import rle
from anymask.core.geometry import Floats, ResizeMap, box_iou
from anymask.core.image import RGB
from anymask.errors import EmbeddingError, Error
from anymask.models.detector import DetectorConfig, ObjectDetector
from anymask.predict.detector import (
    BOX_IOU,
    MASK_IOU,
    MOST_BOXES,
    Detector,
    proposals,
    segment_detections,
    surest_boxes,
)
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint

CONFIG = DetectorConfig("tiny@" + 16 * "0", width=64, grid=8, image_px=128, channels=16)


def said(*boxes: tuple[float, list[float]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and boxes of all cells: the first cells say these, the others nothing."""
    cells = ObjectDetector(CONFIG).cells()
    scores = torch.full((len(cells.stride_px),), -20.0)
    where = torch.zeros(len(scores), 4)
    for number, (score, box) in enumerate(boxes):
        scores[number] = torch.logit(torch.tensor(score))
        where[number] = torch.tensor(box)
    return scores, where


@pytest.mark.parametrize("hw", [(60, 90), (90, 60), (64, 64), (333, 500), (7, 300)])
def test_boxes_come_back_to_the_pixels_of_the_image(hw: tuple[int, int]) -> None:
    resize_map = ResizeMap(hw, 128)
    height, width = hw
    box = np.array([[0.1 * width, 0.2 * height, 0.5 * width, 0.9 * height]], np.float32)
    inside = resize_map.to_input(box.reshape(-1, 2, 2)).reshape(4).tolist()
    scores, boxes = said((0.9, inside))
    proposed = proposals(scores, boxes, ObjectDetector(CONFIG).cells(), resize_map.content_hw)
    found, chances = surest_boxes(proposed.scores.sigmoid(), proposed.boxes_xyxy, resize_map)
    assert found[0].tolist() == pytest.approx(box[0].tolist(), rel=1e-4)
    assert chances[0] == pytest.approx(0.9)
    assert found.dtype == chances.dtype == np.float32


def test_boxes_end_where_the_image_does() -> None:
    scores, boxes = said((0.9, [-10.0, -10.0, 300.0, 300.0]))
    proposed = proposals(scores, boxes, ObjectDetector(CONFIG).cells(), (64, 128))
    assert proposed.boxes_xyxy[0].tolist() == [0, 0, 128, 64]
    found, _ = surest_boxes(scores[:1], boxes[:1], ResizeMap((50, 100), 128))
    assert found[0].tolist() == [0, 0, 100, 50]


def test_cells_of_padding_have_no_say() -> None:
    cells = ObjectDetector(CONFIG).cells()
    scores = torch.zeros(len(cells.stride_px))
    boxes = torch.cat([cells.centres_xy - 2, cells.centres_xy + 2], -1)
    found, _ = proposals(scores, boxes, cells, (32, 128))
    assert len(proposals(scores, boxes, cells, (32, 128), 5).scores) == 5
    middle = (found[:, 1] + found[:, 3]) / 2
    assert middle.max() <= 32
    assert len(found) > 16


def test_the_surer_of_two_boxes_of_one_object_stays_as_by_the_plain_way() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(0, 80, (300, 2))
    where = np.concatenate([first, first + rng.uniform(8, 40, first.shape)], 1).astype(np.float32)
    scores = rng.uniform(size=len(where)).astype(np.float32)
    found, chances = surest_boxes(
        torch.from_numpy(scores), torch.from_numpy(where), ResizeMap((128, 128), 128)
    )
    expected = plain_suppression(where, scores)[:MOST_BOXES]
    np.testing.assert_allclose(found, where[expected], rtol=1e-5)
    np.testing.assert_allclose(chances, scores[expected], rtol=1e-5)


def plain_suppression(boxes: Floats, scores: Floats) -> list[int]:
    kept: list[int] = []
    for number in np.argsort(-scores).tolist():
        if all(box_iou(boxes[[number]], boxes[[other]])[0, 0] <= BOX_IOU for other in kept):
            kept.append(number)
    return kept


@pytest.fixture
def detector() -> Detector:
    """One that guesses, but reads the tiny model's embeddings."""
    torch.manual_seed(0)
    model = ObjectDetector(CONFIG)
    with torch.no_grad():
        for answer in model.answers:
            assert isinstance(answer, torch.nn.Conv2d)
            answer.weight.normal_(std=0.5)
    return Detector(Checkpoint("guesses", CONFIG, model.state_dict()))


def test_masks_of_boxes_are_once_each_and_carry_their_scores(
    detector: Detector, tiny_predictor: Predictor, picture: RGB
) -> None:
    embedding = tiny_predictor.encode(picture)
    boxes, scores = detector.detect(embedding)
    assert len(boxes) > 5
    masks = segment_detections(tiny_predictor, embedding, detector)
    assert 0 < len(masks.annotations) == len(masks.scores) <= len(boxes)
    assert set(masks.scores.tolist()) <= set(scores.tolist())
    assert [one["id"] for one in masks.annotations] == list(range(len(masks.annotations)))
    assert masks.annotations.image_hw == picture.shape[:2]
    segmentations = [one["segmentation"] for one in masks.annotations]
    overlap = rle.iou(segmentations, segmentations) - np.eye(len(segmentations))
    assert overlap.max() <= MASK_IOU
    threshold = float(np.median(masks.scores))
    fewer = segment_detections(tiny_predictor, embedding, detector, threshold)
    assert fewer.scores.tolist() == masks.scores[masks.scores >= threshold].tolist()
    none = segment_detections(tiny_predictor, embedding, detector, 1.0)
    assert len(none.annotations) == len(none.scores) == 0
    assert none.annotations.image_hw == picture.shape[:2]


def test_thresholds_and_embeddings_that_don_t_fit(
    detector: Detector, tiny_predictor: Predictor, picture: RGB
) -> None:
    embedding = tiny_predictor.encode(picture)
    with pytest.raises(Error, match="between 0 and 1, not 2"):
        segment_detections(tiny_predictor, embedding, detector, 2)
    odd = type(embedding)(
        {"image_embed": np.zeros((1, 2, 3), np.float32)}, embedding.resize_map, embedding.model
    )
    with pytest.raises(EmbeddingError, match="no image_embed of the size"):
        detector.detect(odd)


def test_the_default_detector_is_small() -> None:
    model = ObjectDetector(DetectorConfig("m"))
    assert sum(parameter.numel() for parameter in model.parameters()) < 3_000_000
