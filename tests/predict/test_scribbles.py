"""Scribbles are answered a point at a time, and the mask that agrees best is the answer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core.prompts import Prompts
from anymask.core.protocol import DiscSegmenter
from anymask.core.scribbles.scribble import Scribble
from anymask.errors import PromptError
from anymask.predict.predictor import Predictor
from anymask.predict.scribbles import CORRECTIONS, answer_scribble

HW = (60, 90)
NOTHING = np.zeros(HW, bool)


def line(y: int, x0: int, x1: int) -> npt.NDArray[np.bool_]:
    mask = NOTHING.copy()
    mask[y - 2 : y + 3, x0:x1] = True
    return mask


def test_of_several_meanings_the_one_that_agrees_is_taken() -> None:
    """The disc that the segmenter is least sure of is the only one that misses the background."""
    sam = DiscSegmenter(radius_px=300)
    embedding = sam.encode(np.zeros((*HW, 3), np.uint8))
    scribble = Scribble(line(30, 40, 50), line(50, 40, 50))
    masks, prompt = answer_scribble(sam, embedding, scribble)
    answer = masks.to_bool()[0, 0]
    assert answer[scribble.on_object].all()
    assert not answer[scribble.on_background].any()
    assert masks.predicted_iou.tolist() == [[pytest.approx(0.7)]]
    assert len(prompt) == 1


def test_points_are_added_until_the_strokes_agree_and_no_longer(
    tiny_predictor: Predictor, picture: npt.NDArray[np.uint8]
) -> None:
    embedding = tiny_predictor.encode(picture)
    scribble = Scribble(line(20, 10, 80), line(50, 10, 80))
    first, _ = answer_scribble(tiny_predictor, embedding, scribble, corrections=0)
    masks, prompt = answer_scribble(tiny_predictor, embedding, scribble)
    assert masks.predicted_iou.shape == (1, 1)
    assert prompt.labels.shape[1] <= 1 + CORRECTIONS
    xs, ys = prompt.points[0].astype(int).T
    assert (scribble.on_object | scribble.on_background)[ys, xs].all()

    def score(answer: npt.NDArray[np.bool_], iou: float) -> float:
        return scribble.agreement(answer) + 0.2 * iou

    better = score(masks.to_bool()[0, 0], float(masks.predicted_iou[0, 0]))
    assert better >= score(first.to_bool()[0, 0], float(first.predicted_iou[0, 0])) - 1e-6


def test_what_somebody_pointed_at_stays_in_the_prompt(
    tiny_predictor: Predictor, picture: npt.NDArray[np.uint8]
) -> None:
    embedding = tiny_predictor.encode(picture)
    scribble = Scribble(line(20, 10, 80), NOTHING)
    box = Prompts.box(5, 5, 85, 40)
    _, prompt = answer_scribble(tiny_predictor, embedding, scribble, box)
    assert prompt.labels[0, :2].tolist() == [2, 3]
    with pytest.raises(PromptError, match="one prompt, not 2"):
        answer_scribble(tiny_predictor, embedding, scribble, Prompts.join([box, box]))


def test_strokes_of_another_size_are_refused(
    tiny_predictor: Predictor, picture: npt.NDArray[np.uint8]
) -> None:
    embedding = tiny_predictor.encode(picture[:50])
    with pytest.raises(PromptError, match="is none of an image"):
        answer_scribble(tiny_predictor, embedding, Scribble(line(20, 10, 80), NOTHING))
