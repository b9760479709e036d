"""Ranking: the head that predicts IoUs learns which mask is meant, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anymask.core.geometry import interior_distance
from anymask.core.interaction import Habits
from anymask.errors import RecipeError
from anymask.models.sam import Sam
from anymask.training.distributed import World
from anymask.training.families import find_recipe
from anymask.training.sam.interactive import AMBIGUOUS, LossWeights, play
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.losses import size_weights
from anymask.training.sam.ranking import (
    MIDDLE_DEPTH,
    MOST_CLICKS,
    Clicks,
    clicked,
    first_clicks,
    joined_clicks,
    ranking_loss,
)
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.scenes import Framing, Scene, flipped
from anymask.training.sam.start import config_of, looking_twice, prepare, start_model
from anymask.weights.checkpoint import Checkpoint
from tests.conftest import TINY, random_model
from tests.training.sam.tiny import FROZEN
from tests.training.scripted import objects, sample

RECIPE = replace(
    FROZEN,
    name="ranking",
    steps=3,
    prompts_per_pass=4,
    further_points=0,
    ranking_steps=(1, 1),
)
HABITS = RECIPE.habits


def test_clicks_lie_on_their_objects_most_of_them_near_the_middle() -> None:
    some = objects(6, HABITS)
    clicks = np.stack(first_clicks(some.truth, some.script, 50, 4.0))
    assert clicks.shape == (50, 6, 2)
    near = []
    for i, truth in enumerate(some.truth):
        depth = np.zeros(truth.shape)
        part, (left, top) = interior_distance(truth)
        depth[top : top + part.shape[0], left : left + part.shape[1]] = part
        x, y = (clicks[:, i] // 4).astype(int).T
        assert truth[y, x].all()
        near.append((depth[y, x] >= MIDDLE_DEPTH * depth.max()).mean())
    assert 0.6 < np.mean(near) < 0.85


def test_an_objects_clicks_do_not_depend_on_its_neighbours() -> None:
    some = objects(4, HABITS)
    whole = first_clicks(some.truth, some.script, 3, 4.0)
    alone = first_clicks(some.truth[2:3], some.script[2:3], 3, 4.0)
    np.testing.assert_array_equal([one[2] for one in whole], [one[0] for one in alone])


def test_the_loss_is_what_showing_the_surest_mask_costs_and_the_square_error() -> None:
    actual = torch.tensor([[0.0, 0.9, 0.4, 0.5]])
    sure = torch.tensor([[0.0, 9.0, -9.0, -9.0]])
    wrong = torch.tensor([[0.0, -9.0, 9.0, -9.0]])
    for predicted, behind in ((sure, 0.0), (wrong, 0.5), (torch.zeros(1, 4), 0.3)):
        square = (predicted - actual).square().mean()
        torch.testing.assert_close(ranking_loss(predicted, actual), square + behind)


def test_what_is_kept_is_what_the_model_answers() -> None:
    model, some = random_model(TINY).eval(), objects(5, HABITS)
    features = torch.randn(1, 64, 8, 8)
    kept = clicked(model, features, some, replace(RECIPE, balance_sizes=0.5))
    assert len(kept) == 5 * RECIPE.ranking_clicks
    assert kept.iou.shape == (10, 4)
    small = kept.weight[:4].argmax()
    assert some.truth[int(small)].sum() == min(one.sum() for one in some.truth[:4])
    assert kept.tokens.shape == (10, 1, 64)
    assert kept.covered.shape == (10, 0, 64)
    torch.testing.assert_close(
        kept.predicted, model.mask_decoder.iou_prediction_head(kept.tokens[:, 0])
    )
    none = torch.zeros(MOST_CLICKS, 1, 64), torch.zeros(MOST_CLICKS, 0, 64)
    iou = torch.zeros(MOST_CLICKS, 4)
    many = Clicks(*none, iou, iou, torch.ones(MOST_CLICKS))
    both = joined_clicks([many, kept])
    assert len(both) == MOST_CLICKS
    torch.testing.assert_close(both.tokens[-10:], kept.tokens)


@pytest.mark.parametrize(
    ("share", "power", "weight"), [(0.01, 0.5, 1), (0.04, 0.5, 0.5), (0.0025, 1, 4), (0.3, 0, 1)]
)
def test_small_masks_count_more(share: float, power: float, weight: float) -> None:
    truth = torch.zeros(1, 200, 200, dtype=torch.bool)
    truth.view(-1)[: round(share * 40_000)] = True
    torch.testing.assert_close(size_weights(truth, power), torch.tensor([float(weight)]))


def learner(recipe: SamRecipe) -> SamLearner:
    torch.manual_seed(0)
    return SamLearner(prepare(Sam(TINY), recipe), recipe, World(), None)


def scenes(seed: int, flip: float = 0.0) -> Sequence[Scene]:
    framing = Framing(TINY.encoder.image_px, 4 * TINY.encoder.grid, HABITS, flip=flip)
    return [framing.scene(sample(i), np.random.default_rng([seed, i])) for i in range(2)]


def weights(model: Sam) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_first_and_last_the_head_alone_learns_and_a_resumed_run_repeats_it() -> None:
    one = learner(RECIPE)
    changed = []
    for step in range(2):
        before = weights(one.model)
        assert one.step(step, [scenes(step)]) is not None
        changed.append({n for n, t in weights(one.model).items() if not torch.equal(t, before[n])})
    assert {name.split(".")[1] for name in changed[0]} == {"iou_prediction_head"}
    assert {"transformer", "output_hypernetworks_mlps"} <= {n.split(".")[1] for n in changed[1]}
    assert one.clicks is None, "masks have changed, and with them what clicks gave"
    other = learner(RECIPE)
    other.load_state(deepcopy(one.state()))
    for each in (one, other):
        before = weights(each.model)
        assert each.step(2, [scenes(2)]) is not None
        after = weights(each.model)
        assert all(
            torch.equal(after[name], before[name]) for name in before if ".iou_pred" not in name
        )
    for name, tensor in weights(one.model).items():
        torch.testing.assert_close(tensor, weights(other.model)[name])
    assert one.clicks is not None
    third = learner(RECIPE)
    third.load_state(one.state() | {"clicks": None})
    assert third.clicks is None, "a run that began before there was ranking"


def test_at_the_end_the_head_begins_anew() -> None:
    one = learner(RECIPE)
    head = one.model.mask_decoder.iou_prediction_head
    first = deepcopy(head.state_dict())
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.fill_(1.0)
    assert one.step(1, [scenes(1)]) is not None
    assert all((tensor > 0.9).all() for tensor in head.state_dict().values())
    assert one.step(2, [scenes(2)]) is not None
    for name, tensor in head.state_dict().items():
        torch.testing.assert_close(tensor, first[name], atol=0.02, rtol=0)


def test_a_second_look_learns_alone_and_better_than_the_first() -> None:
    """Tokens, and what masks cover, are kept once; the loss of what was clicked on falls."""
    recipe = replace(
        RECIPE, train_head=False, second_look=16, ranking_steps=(0, 30), steps=30, ranking_lr=1e-2
    )
    model = prepare(looking_twice(random_model(TINY), 16), recipe)
    one = SamLearner(model, recipe, World(), None)
    before = weights(one.model)
    losses = []
    for step in range(30):
        tally = one.step(step, [scenes(0)])
        assert tally is not None
        losses.append(tally["loss"])
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    after = weights(one.model)
    changed = {name for name in before if not torch.equal(after[name], before[name])}
    assert {name.split(".")[1] for name in changed} == {"ranking"}
    assert one.clicks is not None
    assert one.clicks.tokens.shape[1:] == (5, 64)
    assert one.clicks.covered.shape[1:] == (3, 64)
    other = SamLearner(one.model, recipe, World(), None)
    other.load_state(deepcopy(one.state()))
    assert other.clicks is not None
    torch.testing.assert_close(other.clicks.covered, one.clicks.covered)


def test_a_run_of_the_second_look_leaves_everything_mode_alone() -> None:
    """Its thresholds are for predictions before masks are there, and nothing changes those."""
    recipe = replace(RECIPE, train_head=False, second_look=16, ranking_steps=(0, 3))
    model = prepare(looking_twice(random_model(TINY), 16), recipe)
    kept = {"pred_iou_thresh": 0.7, "stability_score_thresh": 0.8}
    one = SamLearner(model, recipe, World(), None, everything=kept)
    before = one.validate(0, scenes(0))
    assert model.mask_decoder.ranking is not None
    torch.nn.init.normal_(model.mask_decoder.ranking.correction.weight)
    after = one.validate(1, scenes(0))
    assert before.everything == after.everything == kept
    assert before.entry["calibration_error"] == after.entry["calibration_error"]


def test_a_second_look_is_added_once() -> None:
    model = random_model(TINY)
    looking = looking_twice(model, 16)
    assert looking.config.decoder.ranking == 16
    assert looking_twice(looking, 16) is looking
    wider = looking_twice(looking, 32)
    assert wider.config.decoder.ranking == 32
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(wider.state_dict()[name], tensor)


def test_a_second_look_goes_where_masks_change(tmp_path: Path) -> None:
    """It was learned for other masks; a new one learns by its recipe."""
    looking = looking_twice(random_model(TINY), 16)
    checkpoint = Checkpoint("looking", looking.config, looking.state_dict())
    checkpoint.save(tmp_path / "weights")
    cases: tuple[tuple[dict[str, Any], int | None], ...] = (
        ({}, None),
        ({"second_look": 8}, 8),
        ({"train_head": False, "second_look": 16}, 16),
    )
    for changes, width in cases:
        recipe = replace(RECIPE, weights=str(tmp_path / "weights"), **changes)
        model, config = start_model(recipe), config_of(recipe)
        assert model.config == config
        assert config.decoder.ranking == width
        assert (model.mask_decoder.ranking is None) is (width is None)
        torch.testing.assert_close(
            model.mask_decoder.iou_token.weight, looking.mask_decoder.iou_token.weight
        )


def test_its_learning_rate_falls_to_nothing_twice() -> None:
    recipe = replace(RECIPE, steps=10, ranking_steps=(2, 4), ranking_lr=1.0, lr=0.1)
    rates = [recipe.lr_at(step) for step in range(10)]
    assert rates == pytest.approx([1, 0.5, 0.1, 0.1, 0.1, 0.1, 1, 0.75, 0.5, 0.25])
    only = replace(recipe, steps=2)
    assert [only.lr_at(step) for step in range(2)] == pytest.approx([0.5, 0.25])


@pytest.mark.parametrize(
    "changes",
    [
        {"ranking_steps": (-1, 0)},
        {"ranking_clicks": 0},
        {"ranking_lr": 0.0},
        {"surest_share": 1.5},
        {"clear_weight": -1.0},
        {"flip": 0.5, "train_encoder": True},
        {"flip": 2.0},
        {"balance_sizes": -1.0},
        {"second_look": -1},
        {"second_look": 8, "ranking_steps": (0, 0)},
        {"train_head": False},
    ],
)
def test_a_recipe_that_can_not_be_followed_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RecipeError):
        replace(RECIPE, **changes)  # type: ignore[arg-type]


def test_the_engines_recipe_is_none_of_an_encoder() -> None:
    recipe = find_recipe("retrain")
    assert isinstance(recipe, SamRecipe)
    assert recipe.freezes_embeddings
    assert sum(recipe.ranking_steps) < recipe.steps
    assert SamRecipe.from_json(recipe.to_json()) == recipe


def test_the_mask_that_is_shown_and_the_clear_one_learn_too() -> None:
    model, some = random_model(TINY), objects(5, HABITS)
    features = torch.randn(1, 64, 8, 8)

    def loss(weights: LossWeights) -> torch.Tensor:
        (round_,) = play(model, features, model.positions(), some, HABITS, weights)
        return round_.loss

    best, surest = loss(LossWeights(iou=0)), loss(LossWeights(iou=0, surest=1.0))
    assert (surest >= best).all()
    assert (surest > best).any()
    torch.testing.assert_close(loss(LossWeights(iou=0, surest=0.25)), best.lerp(surest, 0.25))
    assert (loss(LossWeights(iou=0, clear=0.5)) > best).all()
    assert AMBIGUOUS.start == 1, "the clear mask is no rival of the three"


def test_a_mirrored_scene_is_mirrored_in_all_its_parts() -> None:
    (plain, _), (turned, _) = scenes(0), scenes(0, flip=1.0)
    assert turned.is_flipped
    np.testing.assert_array_equal(turned.objects.truth, plain.objects.truth[..., ::-1])
    back = flipped(turned.objects, TINY.encoder.image_px)
    np.testing.assert_allclose(back.boxes_xyxy, plain.objects.boxes_xyxy, rtol=1e-5)
    assert (turned.objects.boxes_xyxy[:, 2] > turned.objects.boxes_xyxy[:, 0]).all()


def test_a_user_without_idle_rounds_is_asked_once() -> None:
    assert Habits(0, 0.5, idle_rounds=False).rounds == 1
