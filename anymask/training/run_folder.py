"""The folder of a run: recipe, log, and checkpoints that are there whole or not at all.

recipe.json         what was asked for
log.jsonl           a line for each step that is logged, and for each validation
events.out.*        the same for TensorBoard
step-000300/        a checkpoint (``weights.checkpoint``) and trainer.pt, to go on from
last, best          links to the newest checkpoint and to that which validation found best
calibration.json    predicted against actual IoU, before and after
embeddings/         kept embeddings, if the encoder is frozen
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from anymask.core.atomic import make_folder, writing
from anymask.core.json_object import read_object
from anymask.errors import TrainingError
from anymask.jobs.folder import SettingChange, claim, setting_changes, sweep
from anymask.training.recipe import Recipe
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.state_file import write_pickle

RECIPE_FILE, LOG_FILE, STATE_FILE = "recipe.json", "log.jsonl", "trainer.pt"
CALIBRATION_FILE, EMBEDDINGS_FOLDER, PARTS_FOLDER = "calibration.json", "embeddings", ".parts"
LAST, BEST = "last", "best"
# What tells the data of a run from other data, and how to say that it is another.
FINGERPRINTS = {
    "parts": "it learned from {before}, and the images of {now} are other ones by their names",
    "contents": "it learned from {before}, and in {now} images of the same names, or their masks, "
    "are other ones",
    "held_out": "it was validated with other images or masks",
}
STEP_FOLDER = re.compile(r"step-(\d+)")


class RunFolder:
    """A run's folder, written by one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tensorboard: Any = None

    @classmethod
    def begin(cls, path: Path, recipe: Recipe, about: Mapping[str, Any], resume: bool) -> RunFolder:
        """Make the folder, or take up the run in it.

        about: ``data``, ``validation``: where they are, which may change; and what a run goes on
        with the same of alone, where it was kept: ``FINGERPRINTS`` of the data. Raises
        ``TrainingError`` for a folder that holds a run unless ``resume``, and for one that holds
        another run; ``OutputError``.
        """
        header = {"recipe": recipe.to_json(), "folder": os.getcwd(), **about}
        file = path / RECIPE_FILE
        if file.exists() and cls(path)._steps():  # what never got to a checkpoint is not missed
            if not resume:
                raise TrainingError(
                    f"{path} holds a run already; go on with it by --resume, or take another --out"
                )
            before, now = read_object(file, TrainingError), json.loads(json.dumps(header))
            _check_same(path, recipe, before, now)
        make_folder(path)
        with writing(file) as part:
            part.write_text(json.dumps(header, indent=2) + "\n")
        sweep(path / PARTS_FOLDER)
        return cls(path)

    def state(self) -> dict[str, Any] | None:
        """What ``save`` was given last; None if nothing was."""
        steps = self._steps()
        if not steps:
            return None
        file = self.path / f"step-{max(steps):06d}" / STATE_FILE
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for damaged files
            raise TrainingError(f"{file} can't be read: {error}") from None
        return state

    def save(
        self, step: int, state: Mapping[str, Any], checkpoint: Checkpoint, is_best: bool
    ) -> None:
        """Keep a checkpoint as the last, perhaps as the best, and remove those that are neither.

        Raises ``OutputError``; what was kept before is then still there.
        """
        folder = self.path / f"step-{step:06d}"
        with claim(folder, self.path / PARTS_FOLDER) as part:
            if part is not None:
                part.mkdir()
                checkpoint.save(part)
                write_pickle(state, part / STATE_FILE)
        self._link(LAST, folder.name)
        if is_best:
            self._link(BEST, folder.name)
        self._remove_others()

    def log(self, entry: Mapping[str, Any]) -> None:
        """Add a line; numbers of a step go to TensorBoard, too."""
        with (self.path / LOG_FILE).open("a") as file:
            file.write(json.dumps(entry) + "\n")
        if self._tensorboard is not None:
            for name, value in entry.items():
                if isinstance(value, float):
                    self._tensorboard.add_scalar(name, value, entry["step"])

    def rewind(self, step: int) -> None:
        """Forget what was logged after ``step`` steps: it will be done again."""
        file = self.path / LOG_FILE
        if not file.exists():
            return
        lines = [line for line in file.read_text().splitlines() if _step_of(line) <= step]
        with writing(file) as part:
            part.write_text("".join(f"{line}\n" for line in lines))

    def open_tensorboard(self, step: int) -> bool:
        """Write TensorBoard's files, too. False if its package is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError:
            return False
        self._tensorboard = SummaryWriter(str(self.path), purge_step=step)
        return True

    def close(self) -> None:
        """Finish what is in buffers."""
        if self._tensorboard is not None:
            self._tensorboard.close()

    def write_json(self, name: str, content: Any) -> None:
        """A file beside the log."""
        with writing(self.path / name) as part:
            part.write_text(json.dumps(content, indent=2) + "\n")

    def _steps(self) -> list[int]:
        matches = (STEP_FOLDER.fullmatch(entry.name) for entry in self.path.iterdir())
        return [int(match[1]) for match in matches if match]

    def _link(self, name: str, target: str) -> None:
        """Point ``name`` at a folder beside it; at every moment it points somewhere."""
        part = self.path / f".{name}.part"
        part.unlink(missing_ok=True)
        part.symlink_to(target, target_is_directory=True)
        os.replace(part, self.path / name)

    def _remove_others(self) -> None:
        links = [self.path / LAST, self.path / BEST]
        kept = {os.readlink(link) for link in links if link.is_symlink()}
        for step in self._steps():
            name = f"step-{step:06d}"
            if name not in kept:
                shutil.rmtree(self.path / name, ignore_errors=True)


def _check_same(path: Path, recipe: Recipe, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ``TrainingError`` unless a run may go on as ``now``; both as JSON has them."""
    fields = (name for name in now["recipe"] if name not in recipe.may_change)
    changes = [
        str(change)
        for change in setting_changes(
            recipe.completed(before.get("recipe", {})), now["recipe"], fields
        )
        if not (change.name in recipe.places and _is_one_place(change, before, now))
    ]
    for name, words in FINGERPRINTS.items():
        if name in before and name in now and before[name] != now[name]:
            changes.append(words.format(before=before.get("data"), now=now.get("data")))
            break  # images of other names are of other content, too
    read, reads = (header.get("reading") or {} for header in (before, now))
    changes += map(str, setting_changes(read, reads, sorted({**read, **reads})))
    if changes:
        raise TrainingError(f"{path} holds another run: {'; '.join(changes)}")


def _is_one_place(change: SettingChange, before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether two paths, each from where it was said, lead to the same place."""
    if not (change.before and change.now):
        return False
    one, other = (
        os.path.realpath(os.path.join(header.get("folder") or "", str(path)))
        for header, path in ((before, change.before), (now, change.now))
    )
    return one == other


def _step_of(line: str) -> float:
    """The step of a line of the log; a line that a killed process left cut off is none."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
