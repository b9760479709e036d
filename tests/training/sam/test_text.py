"""Text as a prompt is learned: it comes first, points follow, and its projection learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from anymask.core import rle
from anymask.core.interaction import Habits, Script
from anymask.core.prompts import OBJECT, PADDING, Prompts
from anymask.errors import ImageError, RecipeError
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.models.text import TextConfig
from anymask.predict.predictor import Predictor
from anymask.training.distributed import World
from anymask.training.families import find_recipe
from anymask.training.frozen.crops import CropEmbeddings
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.job import TrainingJob
from anymask.training.loop import train
from anymask.training.sam.interactive import LossWeights, Objects, play
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.recipes import paper_text, text_prompts
from anymask.training.sam.scenes import Framing, Scene, joined, told
from anymask.training.sam.start import prepare, start_model
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from tests.conftest import TINY, random_model
from tests.training.sam.tiny import FROZEN
from tests.training.scripted import Colours, objects, sample, write_folder

READING = replace(TINY, text=TextConfig(3, "colours 1"))
RECIPE = replace(
    FROZEN,
    name="reading",
    prompts_per_pass=8,
    text_encoder="colours",
    further_points=1,
)


def reading(share: float = 1.0) -> Objects:
    """Three discs with text, or a share of them."""
    discs = objects(3, RECIPE.habits)
    scene = Scene(sample(0), None, discs, np.arange(3))
    views = np.random.default_rng(0).standard_normal((3, 2, 3)).astype(np.float32)
    return told(scene, views, share, np.random.default_rng(1)).objects


def noted(model: Sam, monkeypatch: pytest.MonkeyPatch) -> list[PromptBatch]:
    """What the model will be asked."""
    batches: list[PromptBatch] = []
    decode = model.decode

    def note(features: Tensor, prompts: PromptBatch, *rest: Any) -> Any:
        batches.append(prompts)
        return decode(features, prompts, *rest)

    monkeypatch.setattr(model, "decode", note)
    return batches


def test_text_comes_first_and_points_follow_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = random_model(READING), reading()
    batches = noted(model, monkeypatch)
    habits = replace(RECIPE.habits, further_points=2)
    drawn = replace(asked, script=Script.draw(np.random.default_rng(2), 3, habits))
    features = torch.randn(1, 64, 8, 8)
    rounds = list(play(model, features, model.positions(), drawn, habits, LossWeights()))
    assert len(rounds) == len(batches) == 3
    assert asked.text is not None
    for batch in batches:
        assert batch.text_embeddings is not None
        np.testing.assert_array_equal(batch.text_embeddings.numpy(), asked.text)
        assert batch.has_text is not None
        assert batch.has_text.all()
    assert (batches[0].point_labels == PADDING).all()
    said = (batches[2].point_labels != PADDING).sum(dim=1)
    assert said.tolist() == [2, 2, 2]
    assert batches[0].mask_inputs is None
    assert batches[1].mask_inputs is not None


def test_who_has_no_text_begins_with_a_point_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = random_model(READING), reading(0.5)
    assert asked.text is not None
    has = asked.text.any(axis=1)
    assert 0 < has.sum() < 3
    batches = noted(model, monkeypatch)
    habits = replace(RECIPE.habits, box_share=0.0)
    scripted = replace(asked, script=Script.draw(np.random.default_rng(2), 3, habits))
    list(play(model, torch.randn(1, 64, 8, 8), model.positions(), scripted, habits, LossWeights()))
    first = (batches[0].point_labels == OBJECT).any(dim=1).numpy()
    np.testing.assert_array_equal(first, ~has)


def test_each_object_is_told_by_one_of_its_own_views() -> None:
    discs = objects(2, RECIPE.habits)
    views = np.arange(1, 1 + 4 * 3 * 2, dtype=np.float32).reshape(4, 3, 2)
    for seed in range(9):
        scene = Scene(sample(0), None, discs, np.array([1, 3]))
        text = told(scene, views, 1.0, np.random.default_rng(seed)).objects.text
        assert text is not None
        assert all(any((row == view).all() for view in views[i]) for row, i in zip(text, (1, 3)))
    whole = joined([told(scene, views, 1.0, np.random.default_rng(0))] * 2)
    assert whole.text is not None
    assert whole.text.shape == (4, 2)


def test_gradients_reach_the_projection_which_learns_faster(tiny_predictor: Predictor) -> None:
    recipe = replace(RECIPE, text_lr=10.0)
    model = prepare(random_model(READING), recipe)
    learner = SamLearner(
        model, recipe, World(), Embeddings(tiny_predictor), CropEmbeddings(Colours(), 2)
    )
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    scenes = [learner.scene(sample(i), np.random.default_rng(i)) for i in range(2)]
    assert learner.step(0, [scenes]) is not None
    moved = {
        name: float((weight - before[name]).abs().max())
        for name, weight in model.state_dict().items()
    }
    assert moved["prompt_encoder.text_projection.linear.weight"] == pytest.approx(1e-2, rel=0.2)
    assert moved["prompt_encoder.text_projection.linear.bias"] == pytest.approx(1e-2, rel=0.2)
    assert 0 < moved["mask_decoder.mask_tokens.weight"] < 2e-3
    assert all(not moved[name] for name in moved if name.startswith("image_encoder."))


def test_small_masks_are_left_out() -> None:
    one = sample(0)
    areas = [rle.area(mask) for mask in one.masks]
    framing = Framing(128, 32, Habits(), least_mask_px=max(areas))
    scene = framing.scene(one, np.random.default_rng(0))
    assert scene.numbers.tolist() == [int(np.argmax(areas))]
    with pytest.raises(ImageError, match="too small or too large"):
        replace(framing, least_mask_px=max(areas) + 1).scene(one, np.random.default_rng(0))


def test_the_numbers_of_a_scenes_objects_are_those_of_its_sample() -> None:
    one = sample(3)
    scene = Framing(128, 32, Habits()).scene(one, np.random.default_rng(0))
    for number, box in zip(scene.numbers, scene.objects.boxes_xyxy):
        x, y, width, height = np.array(rle.bbox_xywh(one.masks[number])) * 128 / 96
        np.testing.assert_allclose(box, [x, y, x + width, y + height], atol=0.01)


def test_the_recipes_are_the_papers_and_one_for_home() -> None:
    paper, home = paper_text(), text_prompts()
    assert (paper.steps, paper.batch, paper.least_mask_px) == (120_000, 128, 10_000)
    assert (paper.text_share, paper.jitter) == (1.0, (0.1, 2.0))
    assert home.habits.rounds == 2
    assert find_recipe("text_prompts") == home
    for wrong in ({"text_share": 1.5}, {"text_lr": 0}, {"crop_views": 0}, {"least_mask_px": -1}):
        with pytest.raises(RecipeError, match=next(iter(wrong))):
            replace(home, **wrong)


def test_a_model_that_reads_others_embeddings_is_refused(
    tmp_path: Path, colours: None, tiny_checkpoint: Checkpoint
) -> None:
    Checkpoint("reader", READING, random_model(READING).state_dict()).save(tmp_path / "reader")
    recipe = replace(RECIPE, weights=str(tmp_path / "reader"))
    known = start_model(recipe).state_dict()
    for name, weight in read_checkpoint(tmp_path / "reader").state.items():
        torch.testing.assert_close(known[name], weight)
    with pytest.raises(RecipeError, match="reads colours 1, and the recipe has it learn colours 2"):
        start_model(replace(recipe, text_encoder="others"))


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder called colours; others is another version."""
    versions: Mapping[str, str] = {"colours": "1", "others": "2"}

    def load(source: str, *, offline: bool | None = None) -> Colours:
        return Colours(versions[source])

    def config(source: str) -> TextConfig:
        return Colours(versions[source]).config

    monkeypatch.setattr("anymask.training.sam.family.load_text_encoder", load)
    monkeypatch.setattr("anymask.training.sam.start.text_config", config)


@pytest.mark.slow
def test_a_run_goes_on_as_if_it_had_never_stopped_and_its_model_reads(
    tmp_path: Path, colours: None, tiny_checkpoint: Checkpoint
) -> None:
    tiny_checkpoint.save(tmp_path / "tiny")
    data = str(write_folder(tmp_path / "data", 6))
    recipe = replace(
        RECIPE,
        weights=str(tmp_path / "tiny"),
        text_share=0.7,
        holdout=0.2,
        validate_every=2,
        ema=0.5,
    )
    entries: list[dict[str, Any]] = []

    def run(out: str, resume: bool = False, **changes: Any) -> list[dict[str, Any]]:
        entries.clear()
        job = TrainingJob(replace(recipe, **changes), data, tmp_path / out, resume=resume)
        train(job, World(), entries.append)
        return [dict(entry) for entry in entries]

    whole = run("whole")
    cut = [*run("cut", steps=2), *run("cut", resume=True)]
    losses = [[e["loss"] for e in part if "loss" in e] for part in (whole, cut)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert all(0 <= e["miou_text"] <= 1 for e in whole if "miou_1" in e)
    kept = read_checkpoint(tmp_path / "whole" / "last")
    assert kept.sam_config.text == TextConfig(3, "colours 1")
    reader = Predictor(kept)
    words = Prompts.of_text_embeddings(Colours().embed_words(["red", "blue"]))
    answer = reader.predict(reader.encode(sample(9).pixels()), words)
    assert answer.logits.shape == (2, 3, 32, 32)
