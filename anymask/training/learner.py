"""What the loop asks of a family of models: a learner, and what is known of it beforehand.

The loop (``training.loop``) knows recipes, data, folders and interruptions. How images become
scenes, what a step does with them and what validation measures are the family's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from anymask.datasets.sample import Sample
from anymask.training.distributed import World
from anymask.training.job import TrainingJob
from anymask.training.needs import Needs
from anymask.weights.checkpoint import Checkpoint

Tally = dict[str, float]  # sums over images, each image's own means
Entry = dict[str, Any]  # a line of the log
Scene = TypeVar("Scene")  # a sample made ready for a family's model


@dataclass(frozen=True)
class Validated:
    """What validation says of a model.

    worth: what the family goes by, in 0-1; the run's best checkpoint has the highest. entry: for
    the log.
    everything: the thresholds that suit everything-mode, for the checkpoint; empty for a family
    without it. files: contents of JSON files of the run's folder, by name.
    """

    worth: float
    entry: Entry
    everything: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)


class Learner(Protocol[Scene]):
    """A model that learns from scenes, one process's part of it."""

    def scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene to learn from; what chance decides, ``rng`` does. Called in threads.

        Raises ``Error``, with the reason, for a sample that is to be passed over.
        """

    def validation_scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene to validate with. Raises as ``scene``."""

    def notes(self) -> Sequence[str]:
        """What the person who begins this run may have overlooked, a sentence each."""

    def step(self, number: int, passes: Iterable[Sequence[Scene]]) -> Tally | None:
        """One update, number ``number`` from 0; None, and none made, if a loss is no number.

        All that chance decides in it depends on the recipe's seed, the number, the pass and the
        rank. Every process must call it.
        """

    def validate(self, step: int, scenes: Sequence[Scene]) -> Validated:
        """What the model is worth after ``step`` steps; it learns on as if nobody had asked."""

    def state(self) -> dict[str, Any]:
        """All that steps and validation change, whole; every process must ask for it.

        What stands under ``course`` is joined with the loop's own.
        """

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""

    def checkpoint(
        self, name: str, made_by: Mapping[str, Any], everything: Mapping[str, float]
    ) -> Checkpoint:
        """The model as it is to be used, in copies; every process must ask for it."""


def decode_pixels(sample: Sample) -> None:
    """Raise ``ImageError`` for an image that is broken or not of its masks' size."""
    sample.pixels()


@dataclass(frozen=True)
class FamilyTraining:
    """How a family of models is trained.

    start: the learner before its first step. needs: what a job starts from, its memory, disk and
    work, found without computing. summary: a validation's entry as a line for a person; "" for any
    other entry. check: tells whether a sample can be learned from as ``Learner.scene`` would.
    All raise ``Error`` for what is wrong with recipe, weights or data. use: what a person writes
    before the folder of a checkpoint to use it.
    """

    start: Callable[[TrainingJob, World], Learner[Any]]
    needs: Callable[[TrainingJob], Needs]
    summary: Callable[[Mapping[str, Any]], str]
    check: Callable[[TrainingJob], Callable[[Sample], None]] = lambda job: decode_pixels
    use: str = "--weights"
