"""Recipes: the paper's numbers, typed overrides, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from anymask.errors import RecipeError
from anymask.training.families import find_recipe
from anymask.training.recipe import override
from anymask.training.sam import recipes
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.recipes import RECIPES


def test_the_papers_recipe_is_the_papers() -> None:
    """§A, "Training recipe"."""
    one = recipes.paper()
    assert (one.steps, one.batch, one.lr, one.warmup_steps) == (90_000, 256, 8e-4, 250)
    assert (one.betas, one.weight_decay, one.drop_path) == ((0.9, 0.999), 0.1, 0.4)
    assert (one.layer_decay, one.milestones, one.lr_decay) == (0.8, (60_000, 86_666), 0.1)
    assert (one.masks_per_pass, one.max_mask_fraction, one.jitter) == (64, 0.9, (1.0, 1.0))
    assert (one.focal_weight, one.dice_weight, one.iou_weight) == (20, 1, 1)
    assert one.habits.rounds == 11


@pytest.mark.parametrize(
    ("name", "lr", "layer_decay", "drop_path"),
    [("paper_vit_b", 8e-4, 0.6, 0.6), ("paper_vit_l", 4e-4, 0.8, 0.4)],
)
def test_the_smaller_encoders_have_numbers_of_their_own(
    name: str, lr: float, layer_decay: float, drop_path: float
) -> None:
    one = recipes.RECIPES[name]()
    assert (one.batch, one.steps, one.weight_decay) == (128, 180_000, 0.1)
    assert (one.lr, one.layer_decay, one.drop_path) == (lr, layer_decay, drop_path)
    assert one.encoder == name.removeprefix("paper_").replace("_", "-")


def test_the_automatic_variant_is_the_papers() -> None:
    """§B: three decoder layers, points and masks alone, four points, 177,656 steps, jitter."""
    one = recipes.automatic()
    assert (one.decoder_depth, one.box_share, 1 + one.further_points) == (3, 0, 4)
    assert (one.steps, one.jitter) == (177_656, (0.1, 2.0))
    assert recipes.assisted().jitter == (0.1, 2.0)


def test_the_learning_rate_warms_up_and_falls_at_the_milestones() -> None:
    one = recipes.paper()
    assert one.lr_at(0) == pytest.approx(8e-4 / 250)
    assert one.lr_at(124) == pytest.approx(4e-4)
    assert one.lr_at(249) == one.lr_at(59_999) == pytest.approx(8e-4)
    assert one.lr_at(60_000) == one.lr_at(86_665) == pytest.approx(8e-5)
    assert one.lr_at(86_666) == pytest.approx(8e-6)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_its_file_and_bears_its_name(name: str) -> None:
    one = find_recipe(name)
    assert one.name == name
    assert SamRecipe.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert one.accumulation(1) * one.images_per_pass == one.batch


def test_settings_are_typed() -> None:
    one = override(
        recipes.finetune_decoder(),
        ["lr=3e-5", "steps=1_000", "milestones=10,20,30", "jitter=0.5,1.5", "weights=my/model.pth",
         "train_encoder=true", "milestones="],
    )  # fmt: skip
    assert (one.lr, one.steps, one.milestones, one.jitter) == (3e-5, 1000, (), (0.5, 1.5))
    assert (one.weights, one.train_encoder) == ("my/model.pth", True)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("learning_rate=1", "no field 'learning_rate'"),
        ("step=1", "did you mean steps"),
        ("name=x", "no field 'name'"),
        ("steps=many", "steps is a whole number, not 'many'"),
        ("steps=1.5", "steps is a whole number"),
        ("lr=fast", "lr is a number"),
        ("train_head=yes", "train_head is true or false"),
        ("jitter=1", "jitter takes 2 numbers"),
        ("milestones=1,x", "milestones is a whole number"),
        ("steps", "not of the form field=value"),
        ("steps=0", "steps must be 1 or more"),
        ("jitter=2,1", "jitter must be LOW,HIGH"),
        ("encoder=resnet", "encoder is none of tiny-vit"),
        ("precision=float16", "precision is none of"),
        ("lr=-1", "lr must be above 0"),
        ("lr=nan", "lr must be above 0"),
        ("train_head=false", "nothing is trained"),
        ("lora_rank=4", "lora_rank needs train_encoder"),
        ("distill_steps=4", "distill_steps need a teacher"),
        ("masks_per_pass=1", "masks_per_pass is below images_per_pass"),
    ],
)
def test_wrong_settings_are_explained(setting: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        override(recipes.finetune_decoder(), [setting])


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean finetune_decoder"):
        find_recipe("finetune-decoder")
    with pytest.raises(RecipeError, match="there are paper, "):
        find_recipe("xyz")


def test_a_batch_must_fit_the_processes() -> None:
    one = replace(recipes.finetune_decoder(), batch=8, images_per_pass=2)
    assert one.accumulation(2) == 2
    with pytest.raises(RecipeError, match="batch 8 can't be divided"):
        one.accumulation(3)


def test_a_recipe_of_another_version_is_refused() -> None:
    plain = recipes.paper().to_json()
    del plain["seed"]
    with pytest.raises(RecipeError, match="no recipe of this version"):
        SamRecipe.from_json(plain)
