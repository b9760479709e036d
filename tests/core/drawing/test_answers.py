"""The picture of a click: what it may mean, in the order and by the names that the page has."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.drawing import answers
from anymask.core.drawing.answers import draw_answers

SIDE = 120


def test_three_masks_stand_as_whole_part_and_subpart(monkeypatch: pytest.MonkeyPatch) -> None:
    captions: list[str] = []
    monkeypatch.setattr(answers, "_caption", lambda _, text: captions.append(text))
    masks = np.zeros((1, 3, SIDE, SIDE), bool)
    for column, side in enumerate((40, 100, 10)):  # best first
        masks[0, column, 10 : 10 + side, 10 : 10 + side] = True
    image = np.full((SIDE, SIDE, 3), 128, np.uint8)
    scores = np.array([[0.9, 0.8, 0.7]], np.float32)
    picture = np.asarray(draw_answers(image, masks, scores, None)).astype(int)
    assert captions == [
        "1   whole   predicted IoU 0.800",
        "2   part   best, predicted IoU 0.900",
        "3   subpart   predicted IoU 0.700",
    ]
    panels = [picture[:, start : start + SIDE] for start in range(0, picture.shape[1], SIDE + 12)]
    painted = [np.count_nonzero((panel != panel[-1, -1]).any(axis=-1)) for panel in panels]
    assert painted == sorted(painted, reverse=True)
    assert len(set(painted)) == 3


def test_other_numbers_of_masks_stay_best_first(monkeypatch: pytest.MonkeyPatch) -> None:
    captions: list[str] = []
    monkeypatch.setattr(answers, "_caption", lambda _, text: captions.append(text))
    masks = np.zeros((1, 2, SIDE, SIDE), bool)
    scores = np.array([[0.9, 0.8]], np.float32)
    draw_answers(np.zeros((SIDE, SIDE, 3), np.uint8), masks, scores, None)
    assert captions == ["1   predicted IoU 0.900", "2   predicted IoU 0.800"]
