"""Points and boxes in a frame of a film become the labels that are followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.cli.by_example.known_frames import labels_of_clicks, read_given
from anymask.datasets.filming.frames import Frames, open_frames
from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.errors import Error, PromptError
from anymask.predict.in_context.like import LikePredictor
from anymask.predict.in_context.load import ByLikeness
from anymask.predict.predictor import Predictor
from tests.predict.in_context.by_colour import ByColour


@pytest.fixture
def frames(tmp_path: Path) -> Frames:
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return open_frames([str(tmp_path)])


def test_each_object_has_its_number(tiny_predictor: Predictor, frames: Frames) -> None:
    predictor = ByLikeness(LikePredictor(tiny_predictor))
    boxes = [ObjectPrompt(box=(2, 2, 30, 40)), ObjectPrompt(box=(20, 10, 60, 46))]
    labels = labels_of_clicks(predictor, frames, 1, boxes)
    assert labels.shape == (48, 64)
    assert set(np.unique(labels).tolist()) <= {0, 1, 2}
    click = labels_of_clicks(predictor, frames, 0, [ObjectPrompt(points=((5.0, 5.0, 1),))])
    assert set(np.unique(click).tolist()) <= {0, 1}
    with pytest.raises(PromptError):
        labels_of_clicks(predictor, frames, 0, [ObjectPrompt(points=((500.0, 5.0, 1),))])


def test_who_answers_no_prompts_asks_for_a_mask(frames: Frames) -> None:
    with pytest.raises(Error, match="answers no points and boxes; give a mask"):
        labels_of_clicks(ByColour(), frames, 0, [ObjectPrompt(points=((5.0, 5.0, 1),))])


def test_frames_and_other_images_are_not_mixed(frames: Frames, tmp_path: Path) -> None:
    apart = tmp_path / "apart"
    apart.mkdir()
    Image.fromarray(frames.pixels(0)).save(apart / "image.png")
    mask = np.zeros((48, 64), np.uint8)
    mask[:20, :20] = 255
    Image.fromarray(mask).save(apart / "mask.png")
    given = read_given([f"2:{apart}/mask.png"], frames)
    assert list(given.known) == [1]
    with pytest.raises(PromptError, match="not both"):
        read_given([f"2:{apart}/mask.png", f"{apart}/image.png:{apart}/mask.png"], frames)
