"""Rounds of clicks: which objects get them, and where they go."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.image import ImageSource
from anymask.core.interaction import Click, Mask, best_click, next_click
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.sample import VOID_GROUP
from anymask.errors import Error
from anymask.evaluation.click_rounds import (
    Answer,
    ObjectChoice,
    Target,
    click_rounds,
    random_bytes,
    targets,
    targets_by_batch,
)
from tests.evaluation.scripted_segmenter import SIDE, rectangle, sample

MASKS = [rectangle(4, 20, 4, 20), rectangle(30, 60, 30, 60), rectangle(4, 6, 40, 42)]


def rule(truth: Mask, predicted: Mask, taken_xy: Floats) -> Click:
    return next_click(truth, predicted)


class Unencoded(DiscSegmenter):
    """A segmenter that must not look at an image."""

    def encode(self, image: ImageSource) -> ImageEmbedding:
        raise AssertionError("nothing is to be clicked on")


def test_objects_are_chosen_by_size_and_number_and_the_seed_draws_them() -> None:
    image = sample(MASKS)
    assert ObjectChoice().numbers(image) == [0, 1, 2]
    assert ObjectChoice(smallest_px=5).numbers(image) == [0, 1]
    drawn = {seed: ObjectChoice(masks_per_image=1, seed=seed).numbers(image) for seed in range(20)}
    assert {len(numbers) for numbers in drawn.values()} == {1}
    assert {numbers[0] for numbers in drawn.values()} == {0, 1, 2}
    two = ObjectChoice(masks_per_image=2).numbers(image)
    assert set(drawn[0]) < set(two)
    assert two == sorted(two)


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"masks_per_image": 0}, {"smallest_px": -1}])
def test_a_choice_of_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Error, match="or more"):
        ObjectChoice(**wrong).check()


def test_targets_come_in_batches_without_undecided_pixels() -> None:
    image = sample([*MASKS, rectangle(0, 30, 0, 30)], ["a", "b", "c", VOID_GROUP])
    (batch,) = targets(image, ObjectChoice())
    assert [target.number for target in batch] == [1, 2]  # of the first no pixel counts
    assert batch[0].area == 30 * 30
    assert [len(one) for one in targets(sample(MASKS), ObjectChoice(batch=2))] == [2, 1]


def test_without_objects_nothing_is_encoded() -> None:
    choice = ObjectChoice(smallest_px=SIDE * SIDE)
    assert list(targets_by_batch(Unencoded(), sample(MASKS), choice)) == []


def test_each_round_has_a_click_more_and_the_answers_before() -> None:
    ((embedding, objects),) = targets_by_batch(DiscSegmenter(), sample(MASKS[:2]), ObjectChoice())
    first_xy = np.array([best_click(target.truth)[0] for target in objects], np.float32)
    rounds = list(click_rounds(DiscSegmenter(), embedding, objects, first_xy, rule, 3))
    assert [done.prompts.points.shape for done in rounds] == [(2, 1, 2), (2, 2, 2), (2, 3, 2)]
    assert [done.prompts.masks is None for done in rounds] == [True, False, False]
    assert [len(done.answers[0]) for done in rounds][1:] == [1, 1]
    for done in rounds:
        assert done.ious() == [answers[0].iou for answers in done.answers]
        assert all(0 <= iou <= 1 for iou in done.ious())


def test_the_next_click_is_in_pixels_of_the_whole_image() -> None:
    truth = rectangle(30, 60, 30, 60)
    answer = Answer(Target(0, None, truth), np.zeros_like(truth))
    assert answer.iou == 0
    (x, y), label = answer.next_click(rule, np.zeros((0, 2), np.float32))
    assert truth[int(y), int(x)]
    assert label == 1
    assert (x, y) == next_click(truth, np.zeros_like(truth))[0]


def test_random_bytes_depend_on_what_they_are_for() -> None:
    image = sample(MASKS)
    first = random_bytes(image, 0, 0, "choice")
    assert first == random_bytes(sample(MASKS[:1]), 0, 0, "choice")
    others = [
        random_bytes(image, 1, 0, "choice"),
        random_bytes(image, 0, 1, "choice"),
        random_bytes(image, 0, 0, "first click"),
        random_bytes(sample(MASKS, name="other.png"), 0, 0, "choice"),
    ]
    assert len({first, *others}) == 5
