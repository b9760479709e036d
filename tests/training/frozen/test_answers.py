"""A teacher's answers: asked once, in the student's frame, and refused when they are stale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anymask.core import rle
from anymask.core.geometry import ResizeMap
from anymask.core.prompts import Prompts
from anymask.errors import StaleCacheError
from anymask.predict.predictor import Predictor
from anymask.training.frozen.answers import GRID, STEP, Answers, certain, grid_clicks
from tests.training.scripted import sample


def answers(teacher: Predictor, folder: Path | None, per_side: int = 2) -> Answers:
    return Answers(lambda: teacher, teacher.model_id, 128, 32, per_side, 2, folder)


def test_a_teacher_is_asked_once_and_then_not_needed(
    tiny_predictor: Predictor, tmp_path: Path
) -> None:
    asked = answers(tiny_predictor, tmp_path)
    first = asked.of(sample(1))

    def never() -> Predictor:
        raise AssertionError("kept answers need no teacher")

    later = Answers(never, tiny_predictor.model_id, 128, 32, 2, 2, tmp_path)
    again = later.of(sample(1))
    assert (asked.computed, later.computed) == (1, 0)
    for name in ("points_xy", "mask_number", "certainty", "predicted_iou"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert again.image_hw == (96, 96)


def test_clicks_are_in_true_masks_first_and_then_all_over(tiny_predictor: Predictor) -> None:
    answered = answers(tiny_predictor, None).of(sample(1))
    assert len(answered) == 2 + 4
    assert answered.certainty.shape == (6, 3, 32, 32)
    assert answered.mask_number[2:].tolist() == [GRID] * 4
    for (x, y), number in zip(answered.points_xy[:2].astype(int), answered.mask_number[:2]):
        assert rle.decode(sample(1).masks[number])[y, x]
    corners = [answered.points_xy[2:] // 48]
    np.testing.assert_array_equal(corners[0], [[0, 0], [1, 0], [0, 1], [1, 1]])


def test_in_the_same_frame_certainties_are_what_the_teacher_says(
    tiny_predictor: Predictor,
) -> None:
    answered = answers(tiny_predictor, None).of(sample(1))
    points = Prompts.of_points(answered.points_xy[:, None])
    said = tiny_predictor.predict(tiny_predictor.encode(sample(1).pixels()), points, True)
    share = 1 / (1 + np.exp(-said.logits))
    assert np.abs(answered.certainty / 255 - share).max() <= STEP / 255 / 2 + 1e-3


def test_a_stretched_frame_is_undone() -> None:
    """An image twice as wide as high: its left half is a square of 16 × 16 cells above left."""
    stretched, ours = ResizeMap((60, 120), 128, stretch=True), ResizeMap((60, 120), 128)
    logits = np.full((1, 32, 32), -9, np.float32)
    logits[:, :, :16] = 9
    moved = certain(logits, stretched, 128, ours, 32)
    wanted = np.zeros((1, 32, 32))
    wanted[:, :16, :16] = 255
    assert (np.abs(moved.astype(float) - wanted) > 20).sum() == 0
    assert (moved[:, 16:] == 0).all(), "below the image there is nothing"


def test_a_grid_has_a_click_in_each_of_its_cells() -> None:
    clicks = grid_clicks((30, 60), 3, np.random.default_rng(0))
    np.testing.assert_array_equal(
        np.stack([clicks[:, 0] // 20, clicks[:, 1] // 10]), [[0, 1, 2] * 3, np.repeat([0, 1, 2], 3)]
    )


def test_other_answers_are_refused(tiny_predictor: Predictor, tmp_path: Path) -> None:
    answers(tiny_predictor, tmp_path).of(sample(1))
    with pytest.raises(
        StaleCacheError, match="another teacher's, to other clicks or about another"
    ):
        answers(tiny_predictor, tmp_path, per_side=3).of(sample(1))
    with pytest.raises(StaleCacheError, match=r"1\.png"):
        answers(tiny_predictor, tmp_path).of(replace(sample(2), name="1.png"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StaleCacheError, match="remove it"):
        answers(tiny_predictor, tmp_path).of(sample(1))
