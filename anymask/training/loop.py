"""The loop: from a recipe and a dataset to checkpoints, through any number of interruptions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import anymask
from anymask.core.source_commit import source_commit
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import TrainingError
from anymask.models.sam import Sam
from anymask.predict.predictor import Predictor
from anymask.training.datasets import datasets_of
from anymask.training.distributed import World, shard, whole
from anymask.training.feed import Feed, Position, Served
from anymask.training.job import Job
from anymask.training.recipe import Recipe
from anymask.training.run_folder import CALIBRATION_FILE, EMBEDDINGS_FOLDER, RunFolder
from anymask.training.sam.embeddings import Embeddings
from anymask.training.sam.learner import Learner, Tally
from anymask.training.sam.lora import merged_state
from anymask.training.sam.scenes import UNJITTERED, Framing, Scene
from anymask.training.sam.start import encoder_blocks, set_training, start_model
from anymask.training.sam.validation import Validation, validate
from anymask.training.signals import Signals
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint

BAD_STEPS = 10  # in a row whose losses are no numbers; then something is wrong for good
REASONS_SHOWN = 5  # of samples that are passed over, in a step's log


@dataclass
class Course:
    """How far a run is: what goes into its state beside the weights."""

    step: int = 0
    best_miou: float = -1.0
    passed_over: int = 0
    bad_steps: int = 0
    everything: dict[str, float] = field(default_factory=dict)
    found_before: float = 0.0  # share of the objects that everything-mode would find
    before: dict[str, Any] = field(default_factory=dict)


Report = Callable[[dict[str, Any]], None]


def train(job: Job, world: World, on_entry: Report = lambda entry: None) -> Course:
    """Run a job to its end, or until it is told to stop.

    on_entry: gets every entry of the log, in the process that leads. SIGTERM and SIGINT end the run
    after the step in hand; ``stopped`` of the last entry says so.

    Raises ``Error``: whatever is wrong with recipe, data, weights or disk, and ``TrainingError``.
    """
    learning, held_out = datasets_of(job)
    asked = {"data": job.data, "validation": job.validation, "parts": learning.fingerprint}
    run = _folder(job, world, asked)
    try:
        return _Run(job, world, run, learning, held_out, on_entry).go()
    finally:
        run.close()


class _Run:
    """One process of a run."""

    def __init__(
        self,
        job: Job,
        world: World,
        run: RunFolder,
        learning: Dataset,
        held_out: Dataset | None,
        on_entry: Report,
    ) -> None:
        self.job, self.recipe, self.world, self.run = job, job.recipe, world, run
        self.learning, self.held_out, self.on_entry = learning, held_out, on_entry
        self.accumulation = self.recipe.accumulation(world.size)
        self.model = start_model(self.recipe, job.offline).to(world.device)
        self.embeddings = _embeddings(job, world)
        if self.recipe.sharded and world.size > 1:
            shard(self.model.image_encoder, encoder_blocks(self.model))
        self.learner = Learner(self.model, self.recipe, world, self.embeddings)
        self.course = Course()
        self.position: Position | None = None
        self.passed_over: Counter[str] = Counter()
        self.framing = _framing(self.recipe, self.model)
        self.scenes = self._validation_scenes()

    def go(self) -> Course:
        self._take_up()
        if self.world.leads and not self.run.open_tensorboard(self.course.step):
            self._log({"step": self.course.step, "note": "no TensorBoard: install anymask[train]"})
        if self.course.step == 0:
            self._log_start()
        if self.course.step == 0 and self.scenes:
            self._validate()
        feed = Feed(
            self.learning,
            partial(self._scene, self.framing),
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

    def _log_start(self) -> None:
        """What a person may have overlooked."""
        if self.recipe.encoder.startswith("vit") and not (self.recipe.mae or self.recipe.teacher):
            note = (
                "the encoder starts from random numbers; the paper's from an MAE (--set mae=FILE)"
            )
            self._log({"step": 0, "note": note})

    def _scene(self, framing: Framing, sample: Sample, rng: np.random.Generator) -> Scene:
        """What is broken is found out here, where it is passed over."""
        if self.embeddings is not None and not framing.needs_pixels:
            self.embeddings.check(sample)
        return framing.scene(sample, rng)

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
        self.course = Course(**state["course"])
        self.position = Position(*state["positions"][self.world.rank])
        if self.world.leads:
            self.run.rewind(self.course.step)

    def _step(self, feed: Feed[Scene]) -> None:
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
        elif self.passed_over:
            self._log({"step": self.course.step, **self._passed_over()})
        self.passed_over.clear()

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

    def _passes(self, feed: Feed[Scene]) -> Iterator[Sequence[Scene]]:
        """The scenes of one step, pass by pass."""
        for _ in range(self.accumulation):
            scenes: list[Scene] = []
            while len(scenes) < self.recipe.images_per_pass:
                served = next(feed)
                self.position = served.after
                if served.scene is None:
                    self._pass_over(served)
                else:
                    scenes.append(served.scene)
            yield scenes

    def _pass_over(self, served: Served[Scene]) -> None:
        self.passed_over[f"{served.name}: {served.reason}"] += 1

    def _passed_over(self) -> dict[str, Any]:
        """For the log: how many samples were passed over so far, and why the new ones were."""
        total = {"passed_over": self.course.passed_over} if self.course.passed_over else {}
        new = list(self.passed_over)[:REASONS_SHOWN]
        return total | ({"reasons": new} if new else {})

    def _after_step(self, stop: bool) -> None:
        step, last = self.course.step, self.course.step == self.recipe.steps
        is_best = False
        if self.scenes and (step % self.recipe.validate_every == 0 or last):
            is_best = self._validate()
        if is_best or stop or last or step % self.recipe.save_every == 0:
            self._save(is_best)

    def _validate(self) -> bool:
        """Log what clicks are worth now; whether it is the best so far."""
        self.learner.swap_average()
        self.model.eval()
        try:
            with self.learner.autocast():
                found = validate(
                    self.model, self.scenes, self.learner.features, self.recipe.prompts_per_pass
                )
        finally:
            set_training(self.model, self.recipe)
            self.learner.swap_average()
        if self.course.step == 0:
            self.course.found_before = found.found
        self.course.everything = found.everything(self.course.found_before)
        entry = _entry(found) | {"everything": self.course.everything}
        self._log({"step": self.course.step, **entry})
        self._write_calibration(found, entry)
        is_best = self.course.step > 0 and found.miou[0] > self.course.best_miou
        if is_best:
            self.course.best_miou = found.miou[0]
        return is_best

    def _write_calibration(self, found: Validation, entry: dict[str, Any]) -> None:
        """Predicted against actual IoU, before the first step and now."""
        now = {
            "step": self.course.step,
            **entry,
            "reliability": [asdict(one) for one in found.reliability()],
        }
        if self.course.step == 0:
            self.course.before = now
        if self.world.leads:
            self.run.write_json(CALIBRATION_FILE, {"before": self.course.before, "after": now})

    def _save(self, is_best: bool) -> None:
        positions = self.world.gather(asdict(self.position or Position(self.world.rank)))
        self.learner.swap_average()
        checkpoint = self._checkpoint()
        self.learner.swap_average()
        state = self.learner.state() | {
            "course": asdict(self.course),
            "positions": [[one["part"], one["sample"]] for one in positions],
        }
        if self.world.leads:
            self.run.save(self.course.step, state, checkpoint, is_best)
        self.world.wait()

    def _checkpoint(self) -> Checkpoint:
        made_by = {
            "anymask": anymask.__version__,
            "torch": str(torch.__version__),
            "recipe": self.recipe.to_json(),
            "data": self.job.data,
            "step": self.course.step,
            "commit": source_commit(),
        }
        return Checkpoint(
            self.job.out.resolve().name,
            self.model.config,
            {
                name: whole(tensor).detach().to("cpu", copy=True)  # the weights change again
                for name, tensor in merged_state(self.model).items()
            },
            made_by=made_by,
            everything=self.course.everything,
        )

    def _log(self, entry: dict[str, Any]) -> None:
        if self.world.leads:
            self.run.log(entry)
            self.on_entry(entry)

    def _validation_scenes(self) -> list[Scene]:
        """The scenes that are clicked on, the same each time."""
        if self.held_out is None:
            return []
        framing = replace(
            self.framing,
            scales=UNJITTERED,
            masks_per_image=self.recipe.validation_masks,
        )
        scenes: list[Scene] = []
        with Feed(self.held_out, partial(self._scene, framing), self.recipe.seed) as feed:
            for served in feed.first_epoch():
                if served.scene is not None:
                    scenes.append(served.scene)
                if len(scenes) == self.recipe.validation_images:
                    break
        return scenes


def _folder(job: Job, world: World, asked: dict[str, Any]) -> RunFolder:
    """The leader makes it; what it raises, all raise."""
    if not world.leads:
        world.wait()
        return RunFolder(job.out)
    try:
        return RunFolder.begin(job.out, job.recipe, asked, job.resume)
    finally:
        world.wait()


def _embeddings(job: Job, world: World) -> Embeddings | None:
    """Of the frozen encoder or the teacher, if there is either."""
    recipe = job.recipe
    source = recipe.teacher or ("" if recipe.train_encoder else recipe.weights)
    if not source:
        return None
    encoder = Predictor(load_checkpoint(source, offline=job.offline), world.device)
    folder = job.out / EMBEDDINGS_FOLDER if recipe.cache == "auto" else Path(recipe.cache)
    return Embeddings(encoder, folder if recipe.keeps_embeddings else None)


def _framing(recipe: Recipe, model: Sam) -> Framing:
    encoder = model.config.encoder
    return Framing(
        encoder.image_px,
        4 * encoder.grid,
        recipe.habits,
        recipe.jitter,
        recipe.masks_per_pass // recipe.images_per_pass,
        recipe.max_mask_fraction,
        needs_pixels=not recipe.freezes_embeddings,
    )


def _entry(found: Validation) -> dict[str, Any]:
    clicks = {f"miou_{i + 1}": value for i, value in enumerate(found.miou)}
    return {
        **clicks,
        "calibration_error": found.calibration_error,
    }
