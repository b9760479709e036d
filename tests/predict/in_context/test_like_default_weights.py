"""The predictor without training on real photographs, with the weights that people get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core.image import read_image, read_mask
from anymask.core.in_context.example import Example
from anymask.core.metrics import mask_iou
from anymask.errors import WeightsError
from anymask.predict.in_context.following import Follower
from anymask.predict.in_context.like import LikePredictor
from anymask.predict.in_context.semantic import DinoEncoder
from anymask.predict.predictor import Predictor

pytestmark = pytest.mark.slow
Frame = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


@pytest.fixture(scope="module")
def predictor(mobile_sam: Predictor) -> LikePredictor:
    try:
        return LikePredictor(mobile_sam, DinoEncoder.load(offline=True))
    except WeightsError:
        pytest.skip("the weights are not here: anymask weights pull dinov2-small")


def frames(data_folder: Path, name: str, numbers: list[int]) -> list[Frame]:
    folder = data_folder / "davis4"
    return [
        (
            read_image(folder / "JPEGImages" / "480p" / name / f"{number:05}.jpg"),
            read_mask(folder / "Annotations" / "480p" / name / f"{number:05}.png"),
        )
        for number in numbers
    ]


def test_a_swan_is_followed(predictor: LikePredictor, data_folder: Path) -> None:
    seen = frames(data_folder, "blackswan", [0, 12, 24])
    answers = Follower(predictor).follow([pixels for pixels, _ in seen], seen[0][1].astype("i4"))
    for answer, (_, truth) in zip(answers, seen[1:], strict=True):
        assert mask_iou(answer.mask(), truth) > 0.8


def test_a_swan_is_found_by_a_swan(predictor: LikePredictor, data_folder: Path) -> None:
    (shown, mask), (pixels, truth) = frames(data_folder, "blackswan", [0, 40])
    answer = predictor.segment(pixels, [Example.of_mask(shown, mask)])
    assert mask_iou(answer.mask(), truth) > 0.8
    assert answer.answered_by == "dinov2 + mobile-sam"
    rejected = Example.of_mask(pixels, answer.mask())
    again = predictor.segment(pixels, [Example.of_mask(shown, mask)], rejected=[rejected])
    assert mask_iou(again.mask(), truth) < 0.1
