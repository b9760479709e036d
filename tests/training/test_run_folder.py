"""The folder of a run: what is kept, what is removed, what a kill leaves."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from anymask.errors import TrainingError
from anymask.training.run_folder import RunFolder
from anymask.training.sam import recipes
from anymask.weights.checkpoint import Checkpoint, read_checkpoint

RECIPE = recipes.finetune_decoder()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.begin(tmp_path / "run", RECIPE, {"data": "here"}, resume=False)


def test_a_run_that_never_got_to_a_checkpoint_is_begun_anew(folder: RunFolder) -> None:
    other = replace(RECIPE, weights="spelt right")
    RunFolder.begin(folder.path, other, {"data": "here"}, resume=False)
    assert json.loads((folder.path / "recipe.json").read_text())["recipe"]["weights"] == (
        "spelt right"
    )


def steps(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.path.glob("step-*"))


def test_the_last_and_the_best_are_kept(folder: RunFolder, tiny_checkpoint: Checkpoint) -> None:
    for step, is_best in [(1, True), (2, False), (3, True), (4, False), (5, False)]:
        folder.save(step, {"course": {"step": step}}, tiny_checkpoint, is_best)
        best = 1 if step < 3 else 3
        assert steps(folder) == sorted({f"step-{best:06d}", f"step-{step:06d}"})
        assert os.readlink(folder.path / "last") == f"step-{step:06d}"
        assert os.readlink(folder.path / "best") == f"step-{best:06d}"
    state = folder.state()
    assert state is not None
    assert state["course"] == {"step": 5}
    assert read_checkpoint(folder.path / "best").name == "tiny"


def test_what_a_kill_left_in_the_making_is_swept_and_never_read(
    folder: RunFolder, tiny_checkpoint: Checkpoint
) -> None:
    folder.save(1, {"step": 1}, tiny_checkpoint, is_best=False)
    part = folder.path / ".parts" / "abc"
    part.mkdir(parents=True)
    (part / "trainer.pt").write_bytes(b"half")
    again = RunFolder.begin(folder.path, RECIPE, {"data": "here"}, resume=True)
    assert not part.exists()
    assert again.state() == {"step": 1}


def test_the_log_is_rewound_to_the_checkpoint(folder: RunFolder) -> None:
    for step in range(5):
        folder.log({"step": step, "loss": 0.5})
    (folder.path / "log.jsonl").open("a").write('{"step": 4, "lo')
    folder.rewind(2)
    lines = (folder.path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1, 2]


def test_tensorboard_gets_the_numbers_of_a_step(folder: RunFolder) -> None:
    pytest.importorskip("tensorboard")
    assert folder.open_tensorboard(0)
    folder.log({"step": 3, "loss": 0.5, "reasons": ["x"]})
    folder.close()
    (events,) = folder.path.glob("events.out.*")
    assert b"loss" in events.read_bytes()


def test_only_what_changes_nothing_may_change(
    folder: RunFolder, tiny_checkpoint: Checkpoint
) -> None:
    folder.save(1, {"step": 1}, tiny_checkpoint, is_best=False)
    longer = replace(RECIPE, steps=RECIPE.steps + 1, save_every=7)
    RunFolder.begin(folder.path, longer, {"data": "here"}, resume=True)
    RunFolder.begin(folder.path, longer, {"data": "there"}, resume=True)  # it has moved
    with pytest.raises(TrainingError, match="seed was 0 and is 1"):
        RunFolder.begin(folder.path, replace(longer, seed=1), {"data": "here"}, resume=True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("parts", "it learned from here, and the images of there are other ones by their names"),
        ("contents", "in there images of the same names, or their masks, are other ones"),
        ("held_out", "it was validated with other images"),
    ],
)
def test_other_data_is_told_by_its_content(
    tmp_path: Path, tiny_checkpoint: Checkpoint, name: str, said: str
) -> None:
    about = {"data": "here", "parts": "1", "contents": "1", "held_out": "1"}
    folder = RunFolder.begin(tmp_path / "run", RECIPE, about, resume=False)
    folder.save(1, {"step": 1}, tiny_checkpoint, is_best=False)
    with pytest.raises(TrainingError, match=said):
        RunFolder.begin(folder.path, RECIPE, {**about, "data": "there", name: "2"}, resume=True)


def test_runs_that_kept_less_of_their_data_go_on(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    folder = RunFolder.begin(tmp_path / "run", RECIPE, {"data": "x", "parts": "1"}, resume=False)
    folder.save(1, {"step": 1}, tiny_checkpoint, is_best=False)
    about = {"data": "x", "parts": "1", "contents": "2"}
    RunFolder.begin(folder.path, RECIPE, about, resume=True)


def test_weights_are_the_same_however_their_path_is_spelt(
    tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_checkpoint.save(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.begin(tmp_path / "run", replace(RECIPE, weights="tiny"), {}, resume=False)
    folder.save(1, {"step": 1}, tiny_checkpoint, is_best=False)
    monkeypatch.chdir(tmp_path / "tiny")
    for weights in ("../tiny/", str(tmp_path / "tiny")):
        RunFolder.begin(folder.path, replace(RECIPE, weights=weights), {}, resume=True)
    with pytest.raises(TrainingError, match="weights was"):
        RunFolder.begin(folder.path, replace(RECIPE, weights="tiny"), {}, resume=True)
