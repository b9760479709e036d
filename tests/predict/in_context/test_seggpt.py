"""SegGPT as a predictor, with a tiny model whose answers can be told by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anymask.core.in_context.example import Example
from anymask.errors import ImageError, LayoutError, PromptError
from anymask.models.detector import DetectorConfig, ObjectDetector
from anymask.models.seggpt import SegGPT, SegGPTConfig
from anymask.models.vit import ViTConfig
from anymask.predict.in_context.seggpt import SegGPTPredictor
from anymask.weights.checkpoint import Checkpoint

TINY = SegGPTConfig(
    vit=ViTConfig(
        width=16, depth=3, heads=2, global_blocks=(0, 1, 2), image_px=96, image_hw=(96, 48)
    ),
    merged_after=1,
    features_of=(1, 2),
    decoder_channels=4,
    position_grid=3,
)


@pytest.fixture(scope="module")
def predictor() -> SegGPTPredictor:
    torch.manual_seed(0)
    model = SegGPT(TINY)
    model.initialise()
    return SegGPTPredictor(Checkpoint("tiny", TINY, model.state_dict()))


def example(seed: int, labels: int = 1, hw: tuple[int, int] = (30, 40)) -> Example:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, labels + 1, hw).astype(np.int32)
    drawn[0, 0] = labels
    return Example(rng.integers(0, 256, (*hw, 3), dtype=np.uint8), drawn)


QUERY = np.random.default_rng(9).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def test_an_answer_has_the_size_of_the_query(predictor: SegGPTPredictor) -> None:
    for labels in (1, 5, 300):
        answer = predictor.segment(QUERY, [example(1, labels)]).labelled
        assert answer.labels.shape == answer.confidence.shape == (50, 70)
        assert 0 <= answer.labels.min() <= answer.labels.max() <= labels
        assert 0 <= answer.confidence.min() <= answer.confidence.max() <= 1


def test_what_the_model_paints_is_put_back_into_colours(predictor: SegGPTPredictor) -> None:
    """A decoder that always paints white labels everything, one that paints black nothing."""
    last = predictor.model.decoder_pred[3]
    assert isinstance(last, torch.nn.Conv2d)
    weight, bias = last.weight.clone(), torch.as_tensor(last.bias).clone()
    try:
        torch.nn.init.zeros_(last.weight)
        for brightness, label in ((255.0, 1), (0.0, 0)):
            painted = predictor.numbers.of([np.full((1, 1, 3), brightness, np.uint8)])
            torch.as_tensor(last.bias).copy_(painted.flatten())
            answer = predictor.segment(QUERY, [example(1)])
            assert (answer.labelled.labels == label).all()
            assert answer.labelled.confidence.min() > 0.99
            assert [one.label for one in answer.objects] == [label] * (label > 0)
            assert answer.score == pytest.approx(label, abs=0.01)
            assert answer.mask().all() == (label > 0)
            assert "SegGPT tiny" in answer.answered_by
    finally:
        last.weight.copy_(weight)
        torch.as_tensor(last.bias).copy_(bias)


def test_the_same_example_twice_is_that_example(predictor: SegGPTPredictor) -> None:
    one, other = example(1), example(2)
    alone = predictor.segment(QUERY, [one]).labelled
    twice = predictor.segment(QUERY, [one, one]).labelled
    assert np.abs(alone.confidence - twice.confidence).max() < 1e-3
    both = predictor.segment(QUERY, [one, other]).labelled
    assert np.abs(alone.confidence - both.confidence).max() > 1e-3


def test_a_grid_of_examples_is_one_example(predictor: SegGPTPredictor) -> None:
    two = [example(1, 2), example(2, 3)]
    spatial = predictor.segment(QUERY, two, ensemble="spatial").labelled
    feature = predictor.segment(QUERY, two).labelled
    assert spatial.labels.shape == (50, 70)
    assert np.abs(spatial.confidence - feature.confidence).max() > 1e-3
    kinds = [predictor.segment(QUERY, two, kind=kind).labelled for kind in ("instance", "semantic")]
    assert not np.array_equal(kinds[0].confidence, kinds[1].confidence)


def test_a_grey_query_and_an_example_of_one_pixel(predictor: SegGPTPredictor) -> None:
    grey = np.full((20, 20, 3), 127, np.uint8)
    one = Example.of_mask(np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), bool))
    assert predictor.segment(grey, [one]).labelled.labels.shape == (20, 20)


def test_grey_frames_and_grey_examples_are_as_if_they_had_colours(
    predictor: SegGPTPredictor,
) -> None:
    frame = QUERY[..., 0]
    shown = example(4)
    grey = Example(shown.pixels[..., 0], shown.labels)
    assert grey.pixels.shape == (30, 40, 3)
    answer = predictor.segment(frame, [grey]).labelled
    coloured = predictor.segment(np.dstack([frame] * 3), [grey]).labelled
    assert np.array_equal(answer.confidence, coloured.confidence)
    with pytest.raises(ImageError, match="must be"):
        predictor.segment(np.zeros((4, 3, 20, 20), np.uint8), [grey])
    with pytest.raises(PromptError, match=r"is \(H, W\)"):
        Example(QUERY, np.ones((50, 70, 1), np.int32))


def test_what_is_refused(predictor: SegGPTPredictor) -> None:
    with pytest.raises(PromptError, match="0 examples"):
        predictor.segment(QUERY, [])
    with pytest.raises(PromptError, match="65 examples"):
        predictor.segment(QUERY, [example(1)] * 65)
    with pytest.raises(PromptError, match="5000 labels"):
        predictor.segment(QUERY, [example(1, 5000)])
    config = DetectorConfig("m")
    detector = Checkpoint("boxes", config, ObjectDetector(config).state_dict())
    with pytest.raises(LayoutError, match="boxes is no SegGPT"):
        SegGPTPredictor(detector)
