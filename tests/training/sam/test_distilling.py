"""Distilling a decoder: pairs of masks, what is learned of them, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.errors import ImageError, RecipeError
from anymask.models.sam import Sam
from anymask.predict.predictor import Predictor
from anymask.training.distributed import World
from anymask.training.families import find_recipe
from anymask.training.frozen.answers import GRID, Answered, Answers
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.sam.distilling import (
    behind,
    best_pairs,
    expected_iou,
    frozen_copy,
    pairwise_iou,
    soft_costs,
    taught_loss,
)
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.lessons import lesson
from anymask.training.sam.mixing import mixed
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.scenes import Framing, Scene, flipped, joined
from anymask.training.sam.start import prepare
from anymask.weights.checkpoint import Checkpoint
from tests.conftest import TINY, random_model
from tests.training.sam.tiny import FROZEN
from tests.training.scripted import sample

RECIPE = replace(
    FROZEN,
    name="distilling",
    masks_per_pass=8,
    prompts_per_pass=3,
    further_points=1,
    box_share=0.3,
    teacher="a teacher",
    distill_clicks=2,
    distill_in_masks=2,
    keep_weight=0.5,
    flip=0.5,
)


def test_masks_are_paired_as_they_agree_best() -> None:
    """By hand: the cheapest for each alone would take the first mask twice."""
    costs = torch.tensor([[[0.0, 0.1, 9.0], [5.0, 1.0, 9.0], [9.0, 9.0, 0.0]]])
    assert best_pairs(costs).tolist() == [[0, 1, 2]]
    crossed = torch.tensor([[[9.0, 0.0, 9.0], [9.0, 9.0, 0.0], [0.0, 9.0, 9.0]]])
    assert best_pairs(crossed).tolist() == [[2, 0, 1]]
    assert best_pairs(crossed[:, :, :1]).tolist() == [[2]]
    torch.manual_seed(0)
    several = torch.rand(20, 3, 3)
    for one, pairs in zip(several, best_pairs(several)):
        total = sum(float(one[int(pairs[k]), k]) for k in range(3))
        every = [sum(float(one[w[k], k]) for k in range(3)) for w in permutations(range(3))]
        assert total == pytest.approx(min(every))


def test_the_same_masks_in_another_order_cost_least() -> None:
    torch.manual_seed(0)
    logits = 8 * torch.randn(2, 3, 8, 8).sign()
    certainty, iou = logits[:, [2, 0, 1]].sigmoid(), torch.rand(2, 3)
    loss = taught_loss(logits, certainty, iou)
    assert (loss < 0.05).all()
    assert (taught_loss(-logits, certainty, iou) > 1).all()
    more = torch.cat([certainty, 1 - certainty[:, :1]], dim=1)  # a fourth that counts least
    low = torch.cat([iou, torch.full((2, 1), -1.0)], dim=1)
    torch.testing.assert_close(taught_loss(logits, more, low), loss)


def test_costs_are_cross_entropy_and_dice() -> None:
    """One cell of two, half sure of it: entropy and dice by hand."""
    logits, certainty = torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 0.0]]]])
    entropy, dice = 5 * np.log(2), 1 - (2 * 0.5 + 1) / (1 + 1 + 1)
    torch.testing.assert_close(
        soft_costs(logits, certainty), torch.tensor([[[entropy + dice]]]).float()
    )


def test_expected_iou_is_the_teachers_doubt() -> None:
    ours = torch.tensor([[[[1.0, 1.0, -1.0, -1.0]]]])
    theirs = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0, 0.0]]]])
    torch.testing.assert_close(pairwise_iou(ours, theirs), torch.tensor([[[1.0, 0.5]]]))
    even = expected_iou(ours, theirs, torch.tensor([[0.7, 0.7]]))
    torch.testing.assert_close(even, torch.tensor([[0.75]]))
    sure = expected_iou(ours, theirs, torch.tensor([[0.9, -9.0]]))
    torch.testing.assert_close(sure, torch.tensor([[1.0]]))


def test_behind_is_what_is_lost_by_what_is_shown() -> None:
    actual = torch.tensor([[0.9, 0.4, 0.5]])
    assert float(behind(torch.tensor([[9.0, -9.0, -9.0]]), actual)) == pytest.approx(0)
    assert float(behind(torch.tensor([[-9.0, 9.0, -9.0]]), actual)) == pytest.approx(0.5)
    assert float(behind(torch.zeros(1, 3), actual)) == pytest.approx(0.3)


def test_a_mixture_lies_between() -> None:
    old = {"a": torch.tensor([0.0, 2.0]), "n": torch.tensor(1)}
    new = {"a": torch.tensor([1.0, 4.0]), "n": torch.tensor(3), "more": torch.tensor(1.0)}
    half = mixed(old, new, 0.5)
    torch.testing.assert_close(half["a"], torch.tensor([0.5, 3.0]))
    assert (int(half["n"]), float(half["more"])) == (3, 1.0)
    assert torch.equal(mixed(old, new, 1.0)["a"], new["a"])


@pytest.fixture
def answers(tiny_predictor: Predictor) -> Answers:
    """Those of the tiny model, which is its own student's teacher."""
    return Answers(lambda: tiny_predictor, tiny_predictor.model_id, 128, 32, 2, 2)


def scenes(answers: Answers, seed: int = 0, flip: float = 0.0) -> Sequence[Scene]:
    framing = Framing(128, 32, RECIPE.habits, masks_per_image=4, flip=flip)
    return [
        lesson(framing, sample(i), answers.of(sample(i)), np.random.default_rng([seed, i]))
        for i in range(2)
    ]


def test_a_lesson_is_about_what_was_clicked(answers: Answers) -> None:
    both = joined(scenes(answers))
    assert both.taught is not None
    assert len(both) == len(both.taught) <= 8
    x, y = (both.taught.points_xy // 4).astype(int).T
    true = both.taught.is_true
    assert both.truth[np.arange(len(both)), y, x][true].all()
    for row in np.flatnonzero(~true):
        surest = both.taught.predicted_iou[row].argmax()
        np.testing.assert_array_equal(both.truth[row], both.taught.certainty[row, surest] > 127)


def test_mirrored_lessons_are_mirrored_whole(answers: Answers) -> None:
    plain = scenes(answers)[0].objects
    mirrored = flipped(plain, 128)
    assert plain.taught is not None
    assert mirrored.taught is not None
    np.testing.assert_array_equal(mirrored.taught.certainty, plain.taught.certainty[..., ::-1])
    np.testing.assert_allclose(
        mirrored.taught.points_xy[:, 0] + plain.taught.points_xy[:, 0], 127, atol=1e-3
    )
    again = flipped(mirrored, 128).taught
    assert again is not None
    np.testing.assert_allclose(again.points_xy, plain.taught.points_xy, atol=1e-3)


def test_an_image_of_which_nothing_can_be_seen_is_passed_over() -> None:
    nothing = Answered(
        np.zeros((1, 2), np.float32),
        np.array([GRID]),
        np.zeros((1, 3, 32, 32), np.uint8),
        np.ones((1, 3), np.float32),
        (96, 96),
    )
    with pytest.raises(ImageError, match=r"1\.png has no mask"):
        lesson(Framing(128, 32, RECIPE.habits), sample(1), nothing, np.random.default_rng(0))


def learner(
    answers: Answers, recipe: SamRecipe, tmp_path: Path, student: Sam | None = None
) -> SamLearner:
    model = prepare(student or random_model(TINY, 1), recipe)
    start = Checkpoint("student", TINY, deepcopy(model.state_dict()), "1" * 64)
    kept = Embeddings(Predictor(start), tmp_path)
    return SamLearner(model, recipe, World(), kept, answers=answers)


def steps(one: SamLearner, first: int, last: int) -> list[float]:
    losses = []
    for step in range(first, last):
        rng = np.random.default_rng([0, step % 2])
        tally = one.step(step, [[one.scene(sample(i), rng) for i in range(2)]])
        assert tally is not None
        losses.append(tally["loss"])
    return losses


def test_the_loss_falls_and_the_encoder_stays(answers: Answers, tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=10, lr=3e-3, flip=0.0)
    one = learner(answers, recipe, tmp_path)
    before = {name: tensor.clone() for name, tensor in one.model.state_dict().items()}
    losses = steps(one, 0, 10)
    assert np.mean(losses[-2:]) < 0.9 * np.mean(losses[:2])
    changed = {n for n, t in one.model.state_dict().items() if not torch.equal(t, before[n])}
    assert not any(name.startswith("image_encoder") for name in changed)
    assert answers.computed == 10 * 2


def test_a_resumed_run_repeats_it_and_still_knows_what_was_before(
    answers: Answers, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, mix=0.25)
    one, other = (learner(answers, recipe, tmp_path) for _ in range(2))
    steps(one, 0, 2)
    other.load_state(deepcopy(one.state()))
    for each in (one, other):
        steps(each, 2, 4)
    kept = [each.checkpoint("new", {}, {}).state for each in (one, other)]
    for name, tensor in kept[0].items():
        torch.testing.assert_close(tensor, kept[1][name])
    name = "mask_decoder.iou_token.weight"
    old = random_model(TINY, 1).state_dict()[name]
    now = one.model.state_dict()[name]
    torch.testing.assert_close(kept[0][name], old + 0.25 * (now - old))


def test_validation_is_of_the_mixture_that_is_kept(answers: Answers, tmp_path: Path) -> None:
    one = learner(answers, replace(RECIPE, mix=0.5), tmp_path)
    with torch.no_grad():
        for parameter in one.model.mask_decoder.iou_prediction_head.parameters():
            parameter.add_(0.3)
    now = deepcopy(one.model.state_dict())
    seen = [one.validation_scene(sample(1), np.random.default_rng(0))]
    error = one.validate(1, seen).entry["calibration_error"]
    assert all(torch.equal(now[name], tensor) for name, tensor in one.model.state_dict().items())
    kept = one.checkpoint("new", {}, {}).state
    whole = learner(answers, RECIPE, tmp_path / "whole")
    whole.model.load_state_dict(kept)
    assert whole.validate(1, seen).entry["calibration_error"] == pytest.approx(error)
    whole.model.load_state_dict(now)
    assert whole.validate(1, seen).entry["calibration_error"] != pytest.approx(error)


def test_what_was_before_stays_as_it_is() -> None:
    model = random_model(TINY)
    copy = frozen_copy(model)
    before = copy.mask_decoder.iou_token.weight.clone()
    with torch.no_grad():
        model.mask_decoder.iou_token.weight.add_(1)
    assert torch.equal(copy.mask_decoder.iou_token.weight, before)
    assert not any(parameter.requires_grad for parameter in copy.parameters())


@pytest.mark.parametrize(
    "changes",
    [
        {"teacher": ""},
        {"distill_clicks": -1},
        {"train_encoder": True, "flip": 0.0},
        {"jitter": (0.5, 2.0), "flip": 0.0},
        {"keep_weight": -1.0},
        {"mix": 0.0},
        {"distill_steps": 1},
    ],
)
def test_a_recipe_that_can_not_be_followed_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RecipeError):
        replace(RECIPE, **changes)  # type: ignore[arg-type]


def test_the_recipe_keeps_embeddings_of_the_student() -> None:
    recipe = find_recipe("distill_decoder")
    assert isinstance(recipe, SamRecipe)
    assert recipe.keeps_embeddings
    assert not recipe.imitates
    assert SamRecipe.from_json(recipe.to_json()) == recipe
