"""What a run would do, before it does anything: ``anymask train --dry-run``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch

from anymask.errors import DatasetError, RecipeError
from anymask.training.datasets import datasets_of, notes_on
from anymask.training.families import find_recipe, training_of
from anymask.training.job import TrainingJob
from anymask.training.needs import Needs
from anymask.training.recipe import Recipe
from anymask.training.trial import Trial, try_out

GB = 1e9
PRODUCT_SIDE, PRODUCTS = 768, 8  # of matrices by which a device's speed is measured
EFFICIENCY = 0.7  # of a step, against such products (benchmarks/results, finetune-dsb60)


@dataclass(frozen=True)
class Plan:
    """The resolved recipe, what it would learn from, and what it would take.

    kind: what the dataset was recognised as. learning, held_out: what came of reading the data;
    is_one: both are the same. seconds: of all steps on this machine, roughly; None if nobody knows.
    notes: what is left out of the data as a whole, and what was decided about it.
    """

    recipe: Recipe
    kind: str
    learning: Trial
    held_out: Trial | None
    is_one: bool
    needs: Needs
    seconds: float | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything, and the memory's total. parts, held_out: images or shards of the dataset."""
        trials = {"learning": self.learning, "validation": self.held_out}
        return {
            "recipe": asdict(self.recipe),
            "kind": self.kind,
            "parts": self.learning.parts,
            "held_out": self.held_out.parts if self.held_out else 0,
            "tried": {name: _counts(trial) for name, trial in trials.items() if trial},
            "start": self.needs.start,
            "memory": asdict(self.needs.memory) | {"total": self.needs.memory.total},
            "embeddings": self.needs.embeddings,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }

    def lines(self, all_settings: bool = False) -> Iterator[str]:
        """For a person to read; settings: those that the recipe of this name has otherwise."""
        yield f"data: {self._data()} ({self.kind})"
        for trial, noun in ((self.learning, "to learn from"), (self.held_out, "held out")):
            if trial and not (self.is_one and trial is self.held_out):
                yield from (f"  {noun}: {line}" for line in trial.doubts())
        yield from (f"  note: {note}" for note in self.notes)
        if self.needs.start:
            yield f"start: {self.needs.start}"
        yield self._machine()
        recipe = self.recipe
        images = "image" if recipe.batch == 1 else "images"
        yield f"recipe: {recipe.name}, {recipe.steps} steps of {recipe.batch} {images}"
        yield from self._settings(all_settings)

    def _data(self) -> str:
        learning = f"{self.learning} to learn from"
        if self.is_one:
            return f"{learning}, and to validate with the same, as there is no more"
        return f"{learning}, {self.held_out or 'nothing'} held out"

    def _machine(self) -> str:
        memory = self.needs.memory
        words = (
            f"memory: about {memory.total / GB:.1f} GB on each device (weights "
            f"{memory.weights / GB:.2f}, gradients and optimiser {memory.gradients / GB:.2f}, "
            f"encoder {memory.encoder / GB:.2f}, head {memory.head / GB:.2f}), and PyTorch itself"
        )
        if self.needs.embeddings:
            words += f"; disk: {self.needs.embeddings / 1e6:.1f} MB for each image's embedding"
        if self.seconds is not None:
            words += f"; time: {_roughly(self.seconds)} on this machine, without validation"
        return words

    def _settings(self, all_settings: bool) -> Iterator[str]:
        usual: dict[str, Any] = {}
        try:
            usual = find_recipe(self.recipe.name).to_json()
        except RecipeError:
            all_settings = True
        for name, value in self.recipe.to_json().items():
            is_changed = name in usual and usual[name] != value
            if name != "name" and (all_settings or is_changed):
                before = f" (the recipe has {_as_set(usual[name])})" if is_changed else ""
                yield f"  {name} = {_as_set(value)}{before}"
        if not all_settings:
            yield "  all other settings as the recipe has them (--verbose shows them)"


def plan_of(job: TrainingJob, device: torch.device | None = None) -> Plan:
    """Look at recipe, data and machine, and write nothing.

    device: whose speed is measured; None: no time is estimated. Raises ``Error``, also for data of
    which nothing can be read.
    """
    data = datasets_of(job)
    training = training_of(job.recipe)
    needs, check = training.needs(job), training.check(job)
    learning = try_out(data.learning, check)
    held_out = try_out(data.held_out, check) if data.held_out else None
    if not learning.images:
        reasons = "; ".join(f"{unread.name}: {unread.reason}" for unread in learning.unread[:3])
        raise DatasetError(
            f"nothing in {job.data} can be learned from; of {len(learning.unread)} images tried "
            f"none can be read: {reasons}"
        )
    seconds = None if device is None else _seconds(job.recipe, needs, learning, device)
    return Plan(
        job.recipe,
        data.learning.kind,
        learning,
        held_out,
        data.is_one,
        needs,
        seconds,
        tuple(notes_on(data)),
    )


def _seconds(recipe: Recipe, needs: Needs, trial: Trial, device: torch.device) -> float | None:
    """How long the steps will take, from their operations and from the speed of some products."""
    work = needs.work
    if work is None:
        return None
    masks = min(needs.masks_per_image, trial.masks / trial.images) * recipe.batch
    images = min(trial.parts, recipe.steps * recipe.batch)
    operations = recipe.steps * (work.step + masks * work.mask) + images * work.image
    return operations / (EFFICIENCY * _speed(device))


def _speed(device: torch.device) -> float:
    """Operations a second in the best of some matrix products."""
    matrix = torch.rand(PRODUCT_SIDE, PRODUCT_SIDE, device=device)
    best_s = float("inf")
    for _ in range(PRODUCTS):
        start_s = time.perf_counter()
        float((matrix @ matrix)[0, 0])  # waits for the device
        best_s = min(best_s, time.perf_counter() - start_s)
    return 2 * PRODUCT_SIDE**3 / best_s


def _roughly(seconds: float) -> str:
    """A length of time of which only the order is known."""
    for length, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"roughly {seconds / length:.0f} {unit}"
    return "roughly a minute" if seconds > 30 else "less than a minute"


def _counts(trial: Trial) -> dict[str, Any]:
    counts = asdict(trial)
    return counts | {"is_whole": trial.is_whole}


def _as_set(value: Any) -> str:
    """As ``--set`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(f"{part}" for part in value) if isinstance(value, tuple) else f"{value}"
