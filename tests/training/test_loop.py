"""The loop: runs to the end, stops when told to, and goes on as if it had never stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from anymask.datasets.recognise import open_dataset
from anymask.errors import OutputError, RecipeError, TrainingError
from anymask.models.sam import Sam
from anymask.predict.predictor import load
from anymask.training.datasets import split
from anymask.training.distributed import World
from anymask.training.job import TrainingJob
from anymask.training.loop import Course, train
from anymask.training.run_folder import RunFolder
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.recipe import SamRecipe
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from tests.training.scripted import dataset, sample, write_folder, write_shard

Entry = dict[str, Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight pictures of discs, in the layout of the Data Science Bowl."""
    return write_folder(tmp_path / "data", 8)


@pytest.fixture
def recipe(tiny_checkpoint: Checkpoint, tmp_path: Path) -> SamRecipe:
    """Six steps of the head on a frozen tiny encoder."""
    tiny_checkpoint.save(tmp_path / "tiny")
    return SamRecipe(
        name="test",
        weights=str(tmp_path / "tiny"),
        train_encoder=False,
        steps=6,
        warmup_steps=2,
        lr=1e-3,
        milestones=(4,),
        drop_path=0.0,
        batch=2,
        images_per_pass=2,
        masks_per_pass=6,
        further_points=2,
        holdout=0.25,
        validate_every=3,
        save_every=2,
    )


Runner = Callable[..., list[Entry]]


@pytest.fixture
def run(data: Path, recipe: SamRecipe, tmp_path: Path) -> Runner:
    """Train into a folder; gives the log's entries."""

    def go(out: str, resume: bool = False, **changes: Any) -> list[Entry]:
        entries: list[Entry] = []
        job = TrainingJob(replace(recipe, **changes), str(data), tmp_path / out, resume=resume)
        train(job, World(), entries.append)
        return entries

    return go


def log_of(folder: Path) -> list[Entry]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def losses(entries: list[Entry]) -> list[float]:
    return [entry["loss"] for entry in entries if "loss" in entry]


def same_weights(a: Path, b: Path) -> bool:
    one, other = read_checkpoint(a).state, read_checkpoint(b).state
    return all(torch.allclose(one[name], other[name], rtol=1e-5, atol=1e-7) for name in one)


def test_a_run_leaves_checkpoints_a_log_and_its_calibration(run: Runner, tmp_path: Path) -> None:
    entries = run("out")
    out = tmp_path / "out"
    assert len(losses(entries)) == 6
    assert [entry["step"] for entry in entries if "miou_1" in entry] == [0, 3, 6]
    assert log_of(out) == entries
    kept = {path.name for path in out.glob("step-*")}
    assert {os.readlink(out / "last"), os.readlink(out / "best")} == kept
    assert os.readlink(out / "last") == "step-000006"
    calibration = json.loads((out / "calibration.json").read_text())
    assert calibration["before"]["step"] == 0
    assert calibration["after"]["step"] == 6
    checkpoint = read_checkpoint(out / "best")
    assert checkpoint.made_by["recipe"]["name"] == "test"
    (validated,) = [e for e in entries if "miou_1" in e and e["step"] == checkpoint.made_by["step"]]
    assert checkpoint.everything == validated["everything"]
    sam = load(out / "best")
    assert sam.everything == checkpoint.everything
    sam.encode(sample(1).pixels())


def test_the_losses_are_the_same_each_time(run: Runner) -> None:
    assert losses(run("a")) == losses(run("b"))


@pytest.mark.parametrize("stop_after", [1, 2, 5])
def test_sigterm_ends_the_step_and_resuming_gives_the_undisturbed_curve(
    run: Runner, data: Path, recipe: SamRecipe, tmp_path: Path, stop_after: int
) -> None:
    whole = run("whole", ema=0.9)
    entries: list[Entry] = []
    handler = signal.getsignal(signal.SIGTERM)

    def note(entry: Entry) -> None:
        entries.append(entry)
        if entry.get("step") == stop_after and "loss" in entry:
            os.kill(os.getpid(), signal.SIGTERM)

    job = TrainingJob(replace(recipe, ema=0.9), str(data), tmp_path / "cut")
    course = train(job, World(), note)
    assert course.step == stop_after
    assert entries[-1]["stopped"] == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is handler
    rest = run("cut", resume=True, ema=0.9)
    assert losses(entries) + losses(rest) == pytest.approx(losses(whole), rel=1e-6)
    assert same_weights(tmp_path / "cut" / "last", tmp_path / "whole" / "last")


def test_dying_between_checkpoints_costs_only_the_steps_since(
    run: Runner, data: Path, recipe: SamRecipe, tmp_path: Path
) -> None:
    whole = run("whole")

    def die(entry: Entry) -> None:
        if entry.get("step") == 5 and "loss" in entry:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(TrainingJob(recipe, str(data), tmp_path / "cut"), World(), die)
    (tmp_path / "cut" / "log.jsonl").open("a").write('{"step": 5, "lo')  # cut off by a kill
    run("cut", resume=True)
    again = log_of(tmp_path / "cut")
    assert [e["step"] for e in again if "loss" in e] == [1, 2, 3, 4, 5, 6]
    assert losses(again) == pytest.approx(losses(whole), rel=1e-6)
    assert same_weights(tmp_path / "cut" / "last", tmp_path / "whole" / "last")


def test_resuming_where_nothing_was_saved_begins_anew(run: Runner, tmp_path: Path) -> None:
    whole = run("whole")
    (tmp_path / "new").mkdir()
    assert losses(run("new", resume=True)) == losses(whole)


def test_a_run_that_is_over_stays_as_it_is_and_may_be_prolonged(
    run: Runner, tmp_path: Path
) -> None:
    run("out", steps=4)
    assert losses(run("out", resume=True, steps=4)) == []
    assert len(losses(run("out", resume=True, steps=6))) == 2
    assert losses(log_of(tmp_path / "out")) == pytest.approx(losses(run("whole")), rel=1e-6)


def test_a_folder_with_a_run_is_not_overwritten(run: Runner) -> None:
    run("out", steps=1)
    with pytest.raises(TrainingError, match="holds a run already; go on with it by --resume"):
        run("out")
    with pytest.raises(TrainingError, match=r"another run: lr was 0\.001 and is 0\.002"):
        run("out", resume=True, lr=2e-3)


def test_another_dataset_is_not_gone_on_with(run: Runner, data: Path) -> None:
    run("out", steps=1)
    write_folder(data, 9)
    with pytest.raises(TrainingError, match=r"another run: it learned from .* other ones by"):
        run("out", resume=True)


def test_masks_that_have_changed_are_another_dataset(run: Runner, data: Path) -> None:
    run("out", steps=1)
    masks = sorted(data.rglob("masks/0.png"))
    for mask in masks:
        mask.write_bytes(mask.with_name("1.png").read_bytes())
    with pytest.raises(TrainingError, match="images of the same names, or their masks, are other"):
        run("out", resume=True)


def test_everything_can_learn(run: Runner, tmp_path: Path) -> None:
    entries = run("out", train_encoder=True, checkpointing=True, drop_path=0.1, layer_decay=0.8)
    assert np.isfinite(losses(entries)).all()
    before = read_checkpoint(tmp_path / "tiny").state
    after = read_checkpoint(tmp_path / "out" / "last").state
    still = {name for name, x in after.items() if torch.equal(x, before[name])}
    # A mask token that never was the best of three learns no masks.
    still = {name for name in still if "output_hypernetworks_mlps" not in name}
    assert still == {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"}


def test_lora_learns_qkv_and_the_head_and_leaves_plain_weights(run: Runner, tmp_path: Path) -> None:
    run("out", train_encoder=True, lora_rank=2)
    before = read_checkpoint(tmp_path / "tiny").state
    after = read_checkpoint(tmp_path / "out" / "last").state
    moved = {
        name
        for name, x in after.items()
        if name.startswith("image_encoder.") and not torch.equal(x, before[name])
    }
    assert moved == {f"image_encoder.blocks.{i}.attn.qkv.weight" for i in (0, 1)}
    assert losses(run("out", resume=True, train_encoder=True, lora_rank=2)) == []


def test_a_student_learns_the_teachers_embeddings_then_the_task(
    run: Runner, recipe: SamRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anymask.training.sam import start
    from tests.conftest import TINY

    monkeypatch.setitem(start.CONFIGS, "vit-b", TINY)
    entries = run(
        "out", encoder="vit-b", teacher=recipe.weights, distill_steps=40, steps=42,
        train_encoder=True, train_head=False, milestones=(), validate_every=42, save_every=42,
    )  # fmt: skip
    found = losses(entries)
    assert found[39] < 0.5 * found[0]  # of the error of embeddings
    assert "dice" not in entries[1]
    assert "dice" in [entry for entry in entries if "loss" in entry][-1]
    head = [k for k in read_checkpoint(tmp_path / "tiny").state if k.startswith("mask_decoder.")]
    before, after = (read_checkpoint(tmp_path / x).state for x in ("tiny", "out/last"))
    assert all(torch.equal(before[name], after[name]) for name in head)


def test_jitter_needs_no_kept_embeddings(run: Runner, tmp_path: Path) -> None:
    entries = run("out", jitter=(0.5, 1.5))
    assert np.isfinite(losses(entries)).all()
    assert not (tmp_path / "out" / "embeddings").exists()


def test_bfloat16_learns_about_the_same(run: Runner) -> None:
    plain, half = losses(run("a", steps=3)), losses(run("b", steps=3, precision="bfloat16"))
    assert half == pytest.approx(plain, rel=0.1)
    assert half != plain


def test_a_broken_image_and_an_empty_mask_are_passed_over_and_counted(
    run: Runner, data: Path
) -> None:
    folders = sorted(data.iterdir())
    (folders[0] / "images" / "0.png").write_bytes(b"nothing")
    for mask in (folders[1] / "masks").iterdir():
        mask.unlink()
    entries = run("out", steps=8, holdout=0.0, cache="")
    reasons = " ".join(reason for entry in entries for reason in entry.get("reasons", []))
    assert "0/" in reasons or "0.png" in reasons
    assert entries[-1].get("passed_over", 0) >= 2
    assert len(losses(entries)) == 8


def test_a_shard_that_breaks_off_is_learned_from_up_to_there(
    recipe: SamRecipe, tmp_path: Path
) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    write_shard(folder / "a.tar", range(4))
    whole = write_shard(folder / "b.tar", range(4, 8)).read_bytes()
    (folder / "b.tar").write_bytes(whole[: len(whole) // 2])
    entries: list[Entry] = []
    short = replace(recipe, holdout=0.0, batch=1, images_per_pass=1, masks_per_pass=3, steps=8)
    train(TrainingJob(short, str(folder), tmp_path / "out"), World(), entries.append)
    reasons = [reason for entry in entries for reason in entry.get("reasons", [])]
    assert any("b.tar" in reason and "cut off" in reason for reason in reasons)
    assert len(losses(entries)) == 8
    rest = train(
        TrainingJob(replace(short, steps=9), str(folder), tmp_path / "out", resume=True), World()
    )
    assert rest.step == 9


def test_a_loss_that_is_no_number_changes_nothing_and_is_counted(
    run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _poison(monkeypatch, {2})
    entries = run("out")
    assert [entry["step"] for entry in entries if entry.get("bad_loss")] == [3]
    assert len(losses(entries)) == 5
    assert all(
        torch.isfinite(x).all() for x in read_checkpoint(tmp_path / "out/last").state.values()
    )


def test_losses_that_stay_no_numbers_end_the_run(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    _poison(monkeypatch, set(range(3, 100)))
    with pytest.raises(TrainingError, match="no number in 10 steps in a row, up to step 13"):
        run("out", steps=40)


def _poison(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """Make the embeddings of some steps no numbers."""
    plain = SamLearner.features
    number = -1

    def step(self: SamLearner, at: int, passes: Any, inner: Any = SamLearner.step) -> Any:
        nonlocal number
        number = at
        try:
            return inner(self, at, passes)
        finally:
            number = -1

    def features(self: SamLearner, scenes: Any) -> Tensor:
        found = plain(self, scenes)
        return found * float("nan") if number in steps else found

    monkeypatch.setattr(SamLearner, "step", step)
    monkeypatch.setattr(SamLearner, "features", features)


def test_a_full_disk_is_named_and_the_last_checkpoint_stays(
    run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain, count = RunFolder.save, 0

    def save(self: RunFolder, *about: Any) -> None:
        nonlocal count
        count += 1
        if count == 2:
            monkeypatch.setattr(torch, "save", _no_space)
        plain(self, *about)

    monkeypatch.setattr(RunFolder, "save", save)
    with pytest.raises(OutputError, match="No space left"):
        run("out", validate_every=100)
    folder = tmp_path / "out"
    assert [path.name for path in folder.glob("step-*")] == ["step-000002"]
    assert os.readlink(folder / "last") == "step-000002"
    assert list((folder / ".parts").glob("*")) == []


def _no_space(*about: Any, **more: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_damaged_state_is_named(run: Runner, tmp_path: Path) -> None:
    run("out", steps=2)
    state = tmp_path / "out" / "last" / "trainer.pt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"trainer\.pt can't be read"):
        run("out", resume=True)


def test_a_recipe_without_a_model_is_refused(run: Runner) -> None:
    with pytest.raises(RecipeError, match="weights to start from, or an encoder"):
        run("out", weights="", train_encoder=True)


def test_the_holdout_depends_on_names_and_seed_alone() -> None:
    data = dataset(20)
    shuffled = replace(data, parts=data.parts[::-1])
    held = [{part.name for part in split(one, 0.2, 0)[1].parts} for one in (data, shuffled)]
    assert held[0] == held[1]
    assert len(held[0]) == 4
    learning = {part.name for part in split(data, 0.2, 0)[0].parts}
    assert len(learning) == 16
    assert not learning & held[0]
    assert held[0] != {part.name for part in split(data, 0.2, 1)[1].parts}


@pytest.mark.parametrize(("parts", "share", "sizes"), [(1, 0.5, (1, 1)), (2, 0.9, (1, 1))])
def test_neither_side_of_a_split_is_empty(parts: int, share: float, sizes: tuple[int, int]) -> None:
    learning, held = split(dataset(parts), share, 0)
    assert (len(learning), len(held)) == sizes


def test_one_image_is_learned_from_and_validated_with(
    run: Runner, data: Path, tmp_path: Path
) -> None:
    for other in range(1, 8):
        shutil.rmtree(data / f"{other}")
    entries = run("out")
    assert "it validates with what it learns from" in entries[0]["note"]
    assert len(losses(entries)) == 6
    assert (tmp_path / "out" / "best").is_dir()


def test_what_can_not_be_read_of_the_held_out_is_said(
    run: Runner, data: Path, tmp_path: Path
) -> None:
    assert not any("held out" in entry.get("note", "") for entry in run("whole"))
    for part in split(open_dataset(str(data)), 0.25, 0)[1].parts:
        (data / part.name).write_bytes(b"no picture")
    entries = run("out")
    notes = [entry["note"] for entry in entries if "note" in entry]
    assert any(note.startswith("2 that were held out") and ".png: is no" in note for note in notes)
    assert "nothing is validated, so there will be a last checkpoint and no best one" in notes
    assert not (tmp_path / "out" / "best").exists()


def test_the_model_is_left_in_training_mode_by_validation(run: Runner) -> None:
    modes: list[bool] = []
    plain = SamLearner.step

    def step(self: SamLearner, *about: Any) -> Any:
        model: Sam = self.model
        modes.append(model.training)
        return plain(self, *about)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SamLearner, "step", step)
        run("out", validate_every=1, steps=3)
    assert modes == [True] * 3


def test_a_run_from_when_miou_was_the_only_measure_keeps_its_best() -> None:
    course = {"step": 3, "best_miou": 0.7, "passed_over": 1, "bad_steps": 0, "everything": {}}
    assert Course.of({"course": course}) == Course(3, 0.7, 1)
