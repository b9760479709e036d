"""SegGPT in the one loop: learns, goes on exactly, is planned, and refuses."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.core.in_context.frame import UNDECIDED
from anymask.datasets.sample import Sample
from anymask.errors import LayoutError, RecipeError
from anymask.models.seggpt import SegGPT, painting_loss
from anymask.predict.in_context.seggpt import SegGPTPredictor
from anymask.training.datasets import datasets_of
from anymask.training.distributed import World
from anymask.training.families import find_recipe, recipe_names, training_of
from anymask.training.job import TrainingJob
from anymask.training.learner import Entry
from anymask.training.loop import train
from anymask.training.plan import plan_of
from anymask.training.recipe import override
from anymask.training.seggpt.learner import SegGPTLearner, weights_of
from anymask.training.seggpt.recipe import SegGPTRecipe
from anymask.training.seggpt.start import CONFIGS, freeze, parameter_groups
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from tests.training.seggpt.tiny import TINY, recipe, write_discs


def run(job: TrainingJob, stop_after: int = 0) -> list[Entry]:
    """The log of a run, or of one that is killed after a step."""
    entries: list[Entry] = []

    def note(entry: Entry) -> None:
        entries.append(entry)
        if stop_after and entry["step"] == stop_after and "loss" in entry:
            os.kill(os.getpid(), signal.SIGTERM)

    train(job, World(), note)
    return entries


def losses(entries: list[Entry]) -> list[float]:
    return [entry["loss"] for entry in entries if "loss" in entry]


def test_a_run_leaves_a_seggpt_that_segments(tmp_path: Path) -> None:
    data = str(write_discs(tmp_path, 8))
    entries = run(TrainingJob(recipe(tmp_path), data, tmp_path / "run"))
    assert len(losses(entries)) == 6
    validated = [entry for entry in entries if "miou" in entry]
    assert [entry["step"] for entry in validated] == [0, 3, 6]
    assert all(0 <= entry["copied"] < 1 for entry in validated)
    job = TrainingJob(recipe(tmp_path), data, tmp_path / "run")
    assert "copying the example's mask" in training_of(job.recipe).summary(validated[0])
    checkpoint = read_checkpoint(tmp_path / "run" / "last")
    assert checkpoint.config == TINY
    SegGPTPredictor(checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_killed_run_goes_on_as_if_it_had_never_stopped(tmp_path: Path, stop_after: int) -> None:
    data = str(write_discs(tmp_path, 8))
    chosen = recipe(tmp_path)
    whole = run(TrainingJob(chosen, data, tmp_path / "whole"))
    cut = run(TrainingJob(chosen, data, tmp_path / "cut"), stop_after)
    assert cut[-1]["stopped"] == signal.SIGTERM
    rest = run(TrainingJob(chosen, data, tmp_path / "cut", resume=True))
    assert losses(cut) + losses(rest) == losses(whole)
    a, b = (read_checkpoint(tmp_path / name / "last").state for name in ("whole", "cut"))
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.slow
def test_it_learns_to_paint_what_the_example_shows(tmp_path: Path) -> None:
    """Bright discs on a dark ground: copying the example's mask is worth little of that."""
    data = str(write_discs(tmp_path, 12))
    changes = {"steps": 150, "lr": 4e-3, "mix": 0.0, "plain_colors": 1.0, "half_mask": 1.0}
    changes |= {"validate_every": 150, "drop_path": 0.0, "ema": 0.9, "several": 0.0}
    entries = run(TrainingJob(recipe(tmp_path, **changes), data, tmp_path / "run"))
    last = [entry for entry in entries if "miou" in entry][-1]
    assert last["miou"] > 0.5 > 0.3 > last["copied"]


def test_the_papers_recipe() -> None:
    paper = find_recipe("seggpt_vit_l")
    assert isinstance(paper, SegGPTRecipe)
    assert (paper.steps, paper.batch, paper.lr, paper.weight_decay) == (9_000, 2_048, 1e-4, 0.05)
    assert paper.warmup_steps == 1_800
    assert paper.lr_at(899) == pytest.approx(5e-5)
    assert paper.lr_at(1_800) == pytest.approx(1e-4)
    assert paper.lr_at(1_800 + 3_600) == pytest.approx(5e-5)
    assert paper.lr_at(8_999) < 1e-9
    assert {"seggpt_small", "seggpt_tiny"} < set(recipe_names())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seggpt_vit_l", "seggpt_small", "seggpt_tiny"])
def test_every_recipe_is_planned(tmp_path: Path, name: str) -> None:
    data = str(write_discs(tmp_path, 4))
    plan = plan_of(TrainingJob(find_recipe(name), data, tmp_path / "run"))
    lines = list(plan.lines())
    assert any(line.startswith("start: random numbers") for line in lines)
    assert plan.needs.memory.total > 1e8


def test_frozen_blocks_do_not_learn_nor_what_is_before_them() -> None:
    with torch.device("meta"):
        model = SegGPT(TINY)
    freeze(model, 2)
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert "blocks.2.attn.qkv.weight" in learning
    assert "blocks.2.attn.rel_pos_h" not in learning
    assert "norm.weight" in learning
    assert not any(name.startswith(("blocks.0", "blocks.1", "patch_embed")) for name in learning)
    assert not {"pos_embed", "mask_token", "segment_token_x", "type_token_ins"} & learning
    with pytest.raises(RecipeError, match="frozen_blocks is 4"):
        freeze(model, 4)


def test_blocks_learn_at_their_own_pace() -> None:
    with torch.device("meta"):
        model = SegGPT(TINY)
    chosen = SegGPTRecipe(layer_decay=0.5, weight_decay=0.1)
    groups = parameter_groups(model, chosen)
    paces = {(group["lr_scale"], group["weight_decay"]) for group in groups}
    assert {scale for scale, _ in paces} == {1.0, 0.5, 0.25, 0.125, 0.0625}
    assert {decay for _, decay in paces} == {0.0, 0.1}
    assert CONFIGS["tiny"].image_hw == (224, 224)


def test_a_pass_that_hides_halves_is_learned_for_less(tmp_path: Path) -> None:
    """The query's half alone is painted, and the loss and all gradients are the same."""
    chosen = recipe(tmp_path, half_mask=1.0, mix=0.0, drop_path=0.0)
    job = TrainingJob(chosen, str(write_discs(tmp_path, 4)), tmp_path / "run")
    learner = training_of(chosen).start(job, World())
    assert isinstance(learner, SegGPTLearner)
    samples = [s for part in datasets_of(job).learning.parts for s in part.samples()]
    rng = np.random.default_rng(0)
    scenes = [learner.scene(s, rng) for s in samples[:2] if isinstance(s, Sample)]
    cheap = learner._learn(0, scenes)["loss"]
    grads = [p.grad.clone() for p in learner.model.parameters() if p.grad is not None]
    learner.model.zero_grad()
    image, target = (
        learner.numbers.of([getattr(scene, name) for scene in scenes])
        for name in ("image", "target")
    )
    hidden = torch.from_numpy(np.stack([scene.is_masked for scene in scenes]))
    kinds = torch.tensor([scene.is_instance for scene in scenes])
    weights = torch.from_numpy(np.stack([weights_of(scene.labels, 0) for scene in scenes]))
    loss = painting_loss(
        learner.model(image, target, hidden, kinds), target, hidden, weights[:, None]
    )
    (loss * (len(scenes) / chosen.batch)).backward()
    assert float(loss.detach()) * len(scenes) == pytest.approx(cheap, rel=1e-5)
    whole = [p.grad for p in learner.model.parameters() if p.grad is not None]
    assert len(whole) == len(grads)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(whole, grads))


def test_labels_may_count_as_much_as_the_background() -> None:
    labels = np.array([[0, 0, 0, 1, UNDECIDED]], np.int32)
    assert weights_of(labels, 0).tolist() == [[1, 1, 1, 1, 0]]
    even = weights_of(labels, 1)
    assert even[0, 3] == pytest.approx(even[0, :3].sum())
    assert even.sum() == pytest.approx(4)
    assert weights_of(np.zeros((1, 3), np.int32), 1).tolist() == [[1, 1, 1]]


def test_what_is_refused(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(RecipeError, match="size is none of tiny, small, vit-l"):
        override(find_recipe("seggpt_tiny"), ["size=huge"])
    with pytest.raises(RecipeError, match="neither weights nor a size"):
        override(find_recipe("seggpt_tiny"), ["size="])
    tiny_checkpoint.save(tmp_path / "sam")
    job = TrainingJob(
        replace(find_recipe("seggpt_tiny"), weights=str(tmp_path / "sam")),
        str(write_discs(tmp_path, 4)),
        tmp_path / "run",
    )
    with pytest.raises(LayoutError, match="is no SegGPT"):
        plan_of(job)
