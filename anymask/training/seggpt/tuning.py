"""In-context tuning (§3.3): all weights frozen, a prompt learns the context of one task.

What learns are numbers in the place of an example's image and of its target. They begin as an
image of the data, the one that shows most. The prompt is a file of its own, and goes where an
example goes (``predict.in_context.SegGPTPredictor.segment``).

Shape legend: B scenes of a pass, H W pixels of one image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from anymask.core.in_context.frame import UNDECIDED, Frame
from anymask.core.in_context.palette import paint, palette, read_colors
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import DatasetError, ImageError, RecipeError
from anymask.models.seggpt import SegGPT, painting_loss
from anymask.models.seggpt_prompt import SegGPTPrompt, SegGPTPromptConfig
from anymask.predict.in_context.picture_numbers import PictureNumbers
from anymask.training.counting import META, kept_bytes, operations
from anymask.training.datasets import datasets_of
from anymask.training.distributed import World
from anymask.training.job import TrainingJob
from anymask.training.learner import FamilyTraining, Tally, Validated
from anymask.training.needs import Memory, Needs, Work
from anymask.training.optimiser import Optimiser
from anymask.training.seggpt.contexts import ALL, groups_of
from anymask.training.seggpt.scenes import labelled
from anymask.training.seggpt.scores import iou, mean_of_means
from anymask.training.seggpt.tuning_recipe import PromptRecipe
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint

LOOKED_AT = 256  # images, at most, to find what the data shows and which one to begin with
COPIES = 4  # gradients, AdamW's two running means, and the moving average
BACKWARD = 2  # as often as forward, to get the gradient of what goes in


class PromptLearner:
    """Tunes a prompt, one step at a time (``training.learner.Learner``)."""

    def __init__(
        self, model: SegGPT, prompt: SegGPTPrompt, recipe: PromptRecipe, world: World
    ) -> None:
        self.model, self.prompt, self.recipe, self.world = model, prompt, recipe, world
        self.labels = {name: n for n, name in enumerate(prompt.config.labels, start=1)}
        self.colors = palette(len(self.labels))
        group = {"params": list(prompt.parameters()), "lr_scale": 1.0, "weight_decay": 0.0}
        self.optimiser = Optimiser(prompt, [group], recipe, world)
        self.numbers = PictureNumbers(world.device)

    def scene(self, sample: Sample, rng: np.random.Generator) -> Frame:
        """An image and its labels, cut and mirrored by chance. Raises ``ImageError``."""
        frame = shown(sample, self.labels)
        frame = frame.cut(self.prompt.config.image_hw, self.recipe.scales, rng)
        return frame.flipped() if rng.random() < self.recipe.flip else frame

    def validation_scene(self, sample: Sample, rng: np.random.Generator) -> Frame:
        """All of an image and its labels. Raises as ``scene``."""
        return shown(sample, self.labels).resized(self.prompt.config.image_hw)

    def notes(self) -> list[str]:
        """What it learns to segment."""
        return [f"the prompt's labels: {', '.join(self.prompt.config.labels)}"]

    def step(self, number: int, passes: Iterable[Sequence[Frame]]) -> Tally | None:
        """One update, number ``number`` from 0; None, and none made, if a loss is no number."""
        return self.optimiser.step(number, passes, self._learn)

    @torch.no_grad()
    def validate(self, step: int, scenes: Sequence[Frame]) -> Validated:
        """mIoU: of each label the mean over the images that show it, and of these the mean."""
        ious: dict[str, list[float]] = {}
        with self.optimiser.averaged():
            for scene in scenes:
                painted = self._painted([scene])
                read = read_colors(self.numbers.colors(painted), self.colors, scene.hw).labels
                for name, label in self.labels.items():
                    if (scene.labels == label).any():
                        truth, counts = scene.labels == label, scene.labels != UNDECIDED
                        ious.setdefault(name, []).append(iou(read == label, truth, counts))
        worth = mean_of_means(ious)
        return Validated(worth, {"prompt_miou": worth})

    def state(self) -> dict[str, Any]:
        """All that steps change, whole; every process must ask for it."""
        return self.optimiser.state() | {"course": {}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        self.optimiser.load_state(state)

    def checkpoint(
        self, name: str, made_by: Mapping[str, Any], everything: Mapping[str, float]
    ) -> Checkpoint:
        """The averaged prompt, without the model that it is for."""
        state = self.optimiser.averaged_weights()
        return Checkpoint(name, self.prompt.config, state, made_by=made_by)

    def _learn(self, number: int, scenes: Sequence[Frame]) -> Tally:
        """Add the gradients of one pass: the loss is the mean over the query's pixels."""
        with self.optimiser.autocast():
            painted = self._painted(scenes)
        target = self.numbers.of([paint(np.maximum(s.labels, 0), self.colors) for s in scenes])
        counts = torch.from_numpy(np.stack([s.labels != UNDECIDED for s in scenes])[:, None])
        height, width = self.model.config.vit.grid_hw
        hidden = torch.ones(len(scenes), height // 2, width, dtype=torch.bool)
        device = self.world.device
        loss = painting_loss(painted.float(), target, hidden.to(device), counts.to(device))
        torch.autograd.backward([loss * (len(scenes) / self.recipe.batch)])
        return {"loss": float(loss.detach()) * len(scenes)}

    def _painted(self, scenes: Sequence[Frame]) -> torch.Tensor:
        """What the model paints of B queries, with the prompt above each: (B, 3, H, W)."""
        count = len(scenes)
        query = self.numbers.of([scene.pixels for scene in scenes])
        image, target = (
            part.expand(count, -1, -1, -1) for part in (self.prompt.image, self.prompt.target)
        )
        painted: torch.Tensor = self.model(
            torch.cat([image, query], dim=2),
            torch.cat([target, torch.zeros_like(query)], dim=2),  # hidden, whatever it is
            is_instance=self.prompt.config.is_instance,
            query_only=True,
        )
        return painted


def shown(sample: Sample, labels: Mapping[str, int]) -> Frame:
    """A sample with its labels. Raises ``ImageError`` for one that shows none of them."""
    frame = labelled(sample, labels, ALL)
    if not (frame.labels > 0).any():
        raise ImageError(f"{sample.name} shows nothing of {', '.join(labels)}")
    return frame


def start(job: TrainingJob, world: World) -> PromptLearner:
    """The learner before its first step.

    Raises ``RecipeError``, ``WeightsError``, and ``DatasetError`` where nothing is shown.
    """
    recipe = _recipe_of(job)
    checkpoint, model = _model_of(recipe, job.offline)
    model.to(world.device).requires_grad_(False).checkpointing = recipe.checkpointing
    data = datasets_of(job).learning
    samples = _first_samples(data)
    names = recipe.groups or tuple(sorted(set().union(*map(_groups, samples))))
    if not names:
        raise DatasetError(f"{job.data} shows nothing that a prompt could be tuned for")
    config = SegGPTPromptConfig(checkpoint.model_id, model.config.image_hw, names)
    prompt = SegGPTPrompt(config).to(world.device)
    learner = PromptLearner(model, prompt, recipe, world)
    begin_with(learner, _richest(samples, learner.labels, job.data))
    return learner


@torch.no_grad()
def begin_with(learner: PromptLearner, frame: Frame) -> None:
    """Let the prompt be an example, before it learns."""
    small = frame.resized(learner.prompt.config.image_hw)
    target = paint(np.maximum(small.labels, 0), learner.colors)
    learner.prompt.image.copy_(learner.numbers.of([small.pixels]))
    learner.prompt.target.copy_(learner.numbers.of([target]))
    for mean, parameter in zip(learner.optimiser.average, learner.optimiser.learning):
        mean.copy_(parameter)


def needs(job: TrainingJob) -> Needs:
    """What a run starts from, its memory and work. Raises as ``start``."""
    recipe = _recipe_of(job)
    checkpoint, model = _model_of(recipe, job.offline)
    config = model.config
    with META:
        shape = SegGPT(config)
        height, width = config.image_hw
        picture = torch.empty(recipe.images_per_pass, 3, 2 * height, width, requires_grad=True)
    shape.requires_grad_(False)
    kept = kept_bytes(shape, lambda: shape(picture, picture, query_only=True))
    alone = picture.detach()[:1]
    forward = operations(lambda: shape(alone, alone, query_only=True))
    weights = sum(p.numel() * p.element_size() for p in shape.parameters())
    numbers = 2 * 3 * height * width * 4
    return Needs(
        Memory(weights, COPIES * numbers, kept, 0),
        work=Work(step=recipe.batch * BACKWARD * forward),
        start=f"an example of the data; {checkpoint.model_id} is frozen, a prompt for it learns",
    )


def summary(entry: Mapping[str, Any]) -> str:
    """A validation's entry as a line; "" for any other."""
    if "prompt_miou" not in entry:
        return ""
    return f"step {entry['step']}: mIoU {entry['prompt_miou']:.3f} with the prompt"


def _first_samples(dataset: Dataset) -> list[Sample]:
    """Of some parts, which their names decide, what can be read."""
    parts = dataset.drawn(LOOKED_AT, 0).parts
    return [one for part in parts for one in part.samples() if isinstance(one, Sample)]


def _groups(sample: Sample) -> set[str]:
    without = {ALL} if None in sample.groups else set()
    return groups_of(sample, 0) | without


def _richest(samples: Sequence[Sample], labels: Mapping[str, int], location: str) -> Frame:
    """The frame that shows most labels, and of these the one with most of it labelled.

    Raises ``DatasetError`` where none shows any.
    """
    best: tuple[int, float] = (0, 0.0)
    richest: Frame | None = None
    for sample in samples:
        try:
            frame = shown(sample, labels)
        except ImageError:
            continue
        there = np.unique(frame.labels[frame.labels > 0])
        # Half of the image at most: an example of little else shows no background.
        share = float((frame.labels > 0).mean())
        score = (len(there), min(share, 1 - share))
        if richest is None or score > best:
            best, richest = score, frame
    if richest is None:
        raise DatasetError(f"no image of {location} shows any of {', '.join(labels)}")
    return richest


def _model_of(recipe: PromptRecipe, offline: bool | None) -> tuple[Checkpoint, SegGPT]:
    """The SegGPT that a prompt is for, in evaluation mode."""
    if not recipe.weights:
        raise RecipeError("a prompt is tuned for a SegGPT: name it, --set weights=…")
    checkpoint = load_checkpoint(recipe.weights, offline=offline)
    model = checkpoint.build()
    if not isinstance(model, SegGPT):
        raise RecipeError(f"{recipe.weights} is no SegGPT; a prompt is tuned for none else")
    return checkpoint, model


def _recipe_of(job: TrainingJob) -> PromptRecipe:
    assert isinstance(job.recipe, PromptRecipe)
    return job.recipe


PROMPT = FamilyTraining(start, needs, summary, use="the prompt is")
