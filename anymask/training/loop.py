"""The loop: from a recipe and a dataset to checkpoints, through any number of interruptions.

What is learned, and from what, is a learner's of the recipe's family (``training.learner``).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch

import anymask
from anymask.core.source_commit import source_commit
from anymask.datasets.photographs import LeftOut
from anymask.errors import TrainingError
from anymask.training.datasets import TrainingData, content_fingerprint, datasets_of, notes_on
from anymask.training.distributed import World
from anymask.training.families import training_of
from anymask.training.feed import Feed, Position, Served
from anymask.training.job import TrainingJob
from anymask.training.learner import Entry, Learner, Tally
from anymask.training.run_folder import RunFolder
from anymask.training.signals import Signals

BAD_STEPS = 10  # in a row whose losses are no numbers; then something is wrong for good
OLD_NAMES = {"best_miou": "best_worth"}  # in runs that began when mIoU was the only measure
REASONS_SHOWN = 5  # of samples that are passed over, in a step's log


@dataclass
class Course:
    """How far a run is: what goes into its state beside the learner's.

    best_worth: the highest of any validation after the first step. bad_steps: in a row, up to now.
    everything: what the last validation found to suit everything-mode.
    """

    step: int = 0
    best_worth: float = -1.0
    passed_over: int = 0
    bad_steps: int = 0
    everything: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Course:
        """From a run's state; the learner keeps numbers of its own beside these."""
        kept = {OLD_NAMES.get(name, name): value for name, value in state["course"].items()}
        return cls(**{number.name: kept[number.name] for number in fields(cls)})


Report = Callable[[Entry], None]


def train(job: TrainingJob, world: World, on_entry: Report = lambda entry: None) -> Course:
    """Run a job to its end, or until it is told to stop.

    on_entry: gets every entry of the log, in the process that leads. SIGTERM and SIGINT end the run
    after the step in hand; ``stopped`` of the last entry says so.

    Raises ``Error``: whatever is wrong with recipe, data, weights or disk, and ``TrainingError``.
    """
    data = datasets_of(job)
    run = _folder(job, world, data)
    try:
        return _Run(job, world, run, data, on_entry).go()
    finally:
        run.close()


class _Run:
    """One process of a run."""

    def __init__(
        self,
        job: TrainingJob,
        world: World,
        run: RunFolder,
        data: TrainingData,
        on_entry: Report,
    ) -> None:
        self.job, self.recipe, self.world, self.run = job, job.recipe, world, run
        self.data, self.on_entry = data, on_entry
        self.accumulation = self.recipe.accumulation(world.size)
        self.learner: Learner[Any] = training_of(self.recipe).start(job, world)
        self.course = Course()
        self.position: Position | None = None
        self.passed_over: Counter[str] = Counter()
        self.unread_held_out: list[str] = []
        self.left_out: list[LeftOut] = []
        self.scenes = self._validation_scenes()

    def go(self) -> Course:
        self._take_up()
        if self.world.leads and not self.run.open_tensorboard(self.course.step):
            self._log({"step": self.course.step, "note": "no TensorBoard: install anymask[train]"})
        if self.course.step == 0:
            notes = (*self.learner.notes(), *notes_on(self.data), *self._notes_on_validation())
            for note in notes:
                self._log({"step": 0, "note": note})
        if self.course.step == 0 and self.scenes:
            self._validate()
        feed = Feed(
            self.data.learning,
            self.learner.scene,
            self.recipe.seed,
            self.world.rank,
            self.world.size,
            self.position,
        )
        with Signals() as signals, feed:
            while self.course.step < self.recipe.steps:
                self._step(feed)
                stop = self.world.any(bool(signals.caught))
                self._after_step(stop)
                if stop:
                    self._log({"step": self.course.step, "stopped": signals.caught or 0})
                    break
        return self.course

    def _take_up(self) -> None:
        """Go on where the last checkpoint is."""
        state = self.run.state() if self.job.resume else None
        if state is None:
            if self.world.leads:
                self.run.rewind(-1)
            return
        if len(state["positions"]) != self.world.size:
            raise TrainingError(
                f"the run in {self.job.out} had {len(state['positions'])} processes; it can't go "
                f"on exactly with {self.world.size}"
            )
        self.learner.load_state(state)
        self.course = Course.of(state)
        self.position = Position(*state["positions"][self.world.rank])
        if self.world.leads:
            self.run.rewind(self.course.step)

    def _step(self, feed: Feed[Any]) -> None:
        begin_s = time.monotonic()
        number = self.course.step
        tally = self.learner.step(number, self._passes(feed))
        self.course.step += 1
        self.course.passed_over += len(self.passed_over)
        self._note_bad(tally)
        if tally is not None and self.course.step % self.recipe.log_every == 0:
            seconds = time.monotonic() - begin_s
            speed = {"images_per_s": self.recipe.batch / seconds, "seconds": seconds}
            self._log({"step": self.course.step, **tally, **speed, **self._passed_over()})
        elif self.passed_over or self.left_out:
            self._log({"step": self.course.step, **self._passed_over()})
        self.passed_over.clear()
        self.left_out.clear()

    def _note_bad(self, tally: Tally | None) -> None:
        """Count updates that were left out; raise ``TrainingError`` when they don't end."""
        if tally is not None:
            self.course.bad_steps = 0
            return
        self.course.bad_steps += 1
        self._log({"step": self.course.step, "bad_loss": True})
        if self.course.bad_steps >= BAD_STEPS:
            raise TrainingError(
                f"the loss was no number in {BAD_STEPS} steps in a row, up to step "
                f"{self.course.step}: try a lower lr, clip_norm=1 or precision=float32; the last "
                f"checkpoint is in {self.job.out}"
            )

    def _passes(self, feed: Feed[Any]) -> Iterator[Sequence[Any]]:
        """The scenes of one step, pass by pass."""
        for _ in range(self.accumulation):
            scenes: list[Any] = []
            while len(scenes) < self.recipe.images_per_pass:
                served = next(feed)
                self.position = served.after
                self.left_out += served.left_out
                if served.scene is None:
                    self._pass_over(served)
                else:
                    scenes.append(served.scene)
            yield scenes

    def _pass_over(self, served: Served[Any]) -> None:
        self.passed_over[_explained(served)] += 1

    def _passed_over(self) -> dict[str, Any]:
        """For the log: how many samples were passed over so far, and why the new ones were; and
        what is left out of others."""
        total = {"passed_over": self.course.passed_over} if self.course.passed_over else {}
        new = list(self.passed_over)[:REASONS_SHOWN]
        left_out = [f"{one.name}: {one.reason}" for one in self.left_out[:REASONS_SHOWN]]
        return (
            total | ({"reasons": new} if new else {}) | ({"left_out": left_out} if left_out else {})
        )

    def _after_step(self, stop: bool) -> None:
        step, last = self.course.step, self.course.step == self.recipe.steps
        is_best = False
        if self.scenes and (step % self.recipe.validate_every == 0 or last):
            is_best = self._validate()
        if is_best or stop or last or step % self.recipe.save_every == 0:
            self._save(is_best)

    def _validate(self) -> bool:
        """Log what the model is worth now; whether it is the best so far."""
        validated = self.learner.validate(self.course.step, self.scenes)
        self.course.everything = dict(validated.everything)
        self._log({"step": self.course.step, **validated.entry})
        if self.world.leads:
            for name, content in validated.files.items():
                self.run.write_json(name, content)
        is_best = self.course.step > 0 and validated.worth > self.course.best_worth
        if is_best:
            self.course.best_worth = validated.worth
        return is_best

    def _save(self, is_best: bool) -> None:
        positions = self.world.gather(asdict(self.position or Position(self.world.rank)))
        checkpoint = self.learner.checkpoint(
            self.job.out.resolve().name, self._made_by(), self.course.everything
        )
        state = self.learner.state()
        state |= {
            "course": asdict(self.course) | state["course"],
            "positions": [[position["part"], position["sample"]] for position in positions],
        }
        if self.world.leads:
            self.run.save(self.course.step, state, checkpoint, is_best)
        self.world.wait()

    def _made_by(self) -> dict[str, Any]:
        """Where a checkpoint of now comes from."""
        return {
            "anymask": anymask.__version__,
            "torch": str(torch.__version__),
            "recipe": self.recipe.to_json(),
            "data": self.job.data,
            "step": self.course.step,
            "commit": source_commit(),
        }

    def _log(self, entry: Entry) -> None:
        if self.world.leads:
            self.run.log(entry)
            self.on_entry(entry)

    def _validation_scenes(self) -> list[Any]:
        """The scenes to validate with, the same each time."""
        if self.data.held_out is None:
            return []
        scenes: list[Any] = []
        prepare, seed = self.learner.validation_scene, self.recipe.seed
        with Feed(self.data.held_out, prepare, seed) as feed:
            for served in feed.first_epoch():
                if served.scene is None:
                    self.unread_held_out.append(_explained(served))
                else:
                    scenes.append(served.scene)
                if len(scenes) == self.recipe.validation_images:
                    break
        return scenes

    def _notes_on_validation(self) -> Iterator[str]:
        """What a person should know of the figures to come."""
        if self.data.is_one:
            yield "it validates with what it learns from, as there is no more: trust no figure"
        if self.unread_held_out:
            count, reasons = (
                len(self.unread_held_out),
                "; ".join(self.unread_held_out[:REASONS_SHOWN]),
            )
            yield f"{count} that were held out to validate with are passed over: {reasons}"
        if self.data.held_out is not None and not self.scenes:
            yield "nothing is validated, so there will be a last checkpoint and no best one"


def _explained(served: Served[Any]) -> str:
    """A sample's name and why it is passed over."""
    return f"{served.name}: {served.reason.removeprefix(f'{served.name} ')}"


def _folder(job: TrainingJob, world: World, data: TrainingData) -> RunFolder:
    """The leader makes it; what it raises, all raise."""
    if not world.leads:
        world.wait()
        return RunFolder(job.out)
    try:
        about: dict[str, Any] = {**job.places, "reading": job.options.to_json() or None}
        about["parts"] = data.learning.fingerprint
        about["contents"] = content_fingerprint(data.learning)
        if job.validation and data.held_out is not None:
            about["held_out"] = content_fingerprint(data.held_out)
        return RunFolder.begin(job.out, job.recipe, about, job.resume)
    finally:
        world.wait()
