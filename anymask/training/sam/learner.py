"""SAM's learner: a model, and what one step and a validation do with it.

Shape legend: B images of a pass, P objects, C channels, h w embedding grid, S side of the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.datasets.sample import Sample
from anymask.models.sam import Sam
from anymask.models.two_way import ImagePositions, LayerPositions
from anymask.training.distributed import World
from anymask.training.frozen.answers import Answers
from anymask.training.frozen.crops import CropEmbeddings
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.learner import Entry, Tally, Validated
from anymask.training.optimiser import Optimiser
from anymask.training.run_folder import CALIBRATION_FILE
from anymask.training.sam.distilling import Lesson, frozen_copy, play_taught
from anymask.training.sam.interactive import LossWeights, Objects, Round, play
from anymask.training.sam.lessons import lesson
from anymask.training.sam.lora import merged_state
from anymask.training.sam.losses import size_weights
from anymask.training.sam.mixing import mixed
from anymask.training.sam.ranking import (
    Clicks,
    clicked,
    joined_clicks,
    ranking_head,
    ranking_step,
)
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.scenes import UNJITTERED, Framing, Scene, framing_of, joined, told
from anymask.training.sam.start import parameter_groups, set_training
from anymask.training.sam.validation import Validation, validate
from anymask.weights.checkpoint import Checkpoint

# Image positions of all prompts that a processor's cache holds, found by trial
# (benchmarks/training.py).
CPU_BAND_POSITIONS = 4096


@dataclass
class Untrained:
    """What validation said of the model before the first step; a run's state has it.

    found_before: the share of objects that everything-mode would find. before: the entry.
    """

    found_before: float = 0.0
    before: Entry = field(default_factory=dict)


class SamLearner:
    """Learns from passes of scenes, one step at a time (``training.learner.Learner``).

    embeddings: of the encoder, where it is frozen; of the teacher, where it is distilled.
    crops: what is said of masks, where the model learns to read. answers: a teacher's to clicks,
    where the head learns those. everything: what the model has for everything-mode, which stays if
    its masks do. The model must be as it is before the first step.
    """

    def __init__(
        self,
        model: Sam,
        recipe: SamRecipe,
        world: World,
        embeddings: Embeddings | None,
        crops: CropEmbeddings | None = None,
        answers: Answers | None = None,
        everything: Mapping[str, float] | None = None,
    ) -> None:
        self.model, self.recipe, self.world, self.embeddings = model, recipe, world, embeddings
        self.crops, self.answers, self.everything = crops, answers, dict(everything or {})
        self.before = frozen_copy(model) if answers is not None else None
        if world.device.type == "cpu":
            model.mask_decoder.band_positions = CPU_BAND_POSITIONS
        self.optimiser = Optimiser(model, parameter_groups(model, recipe), recipe, world)
        self.losses = LossWeights(
            recipe.focal_weight,
            recipe.dice_weight,
            recipe.iou_weight,
            recipe.surest_share,
            recipe.clear_weight,
        )
        self.clicks: Clicks | None = None  # that ranking has made
        self.untaught = deepcopy(ranking_head(model).state_dict())
        self.framing = framing_of(model.config, recipe)
        self.untrained = Untrained()

    def scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene to learn from. Raises ``ImageError`` for what can't be learned from."""
        if self.answers is not None:
            assert self.embeddings is not None
            self.embeddings.check(sample)
            return lesson(self.framing, sample, self.answers.of(sample), rng)
        return self._framed(self.framing, sample, rng, self.recipe.text_share)

    def validation_scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene to validate with: the whole image. Raises as ``scene``."""
        framing = replace(
            self.framing, scales=UNJITTERED, flip=0.0, masks_per_image=self.recipe.validation_masks
        )
        return self._framed(framing, sample, rng, 1.0)

    def notes(self) -> list[str]:
        """Whether the encoder knows nothing."""
        if self.recipe.encoder.startswith("vit") and not (self.recipe.mae or self.recipe.teacher):
            return [
                "the encoder starts from random numbers; the paper's from an MAE (--set mae=FILE)"
            ]
        return []

    def step(self, number: int, passes: Iterable[Sequence[Scene]]) -> Tally | None:
        """One update, number ``number`` from 0; None, and none made, if a loss is no number.

        All losses are means over a mask's rounds, an image's masks and the step's images.
        """
        # What the head learned of the masks as they were, it has overlearned by now.
        if 0 < number == self.recipe.steps - self.recipe.ranking_steps[1] < self.recipe.steps:
            ranking_head(self.model).load_state_dict(self.untaught)
        return self.optimiser.step(number, passes, self._learn)

    def features(self, scenes: Sequence[Scene]) -> Tensor:
        """The embeddings of B scenes: (B, C, h, w), with gradients where the encoder learns."""
        if self.embeddings is not None and not self.recipe.train_encoder:
            return torch.cat([self._frozen(self.embeddings, scene) for scene in scenes])
        images = [self._image(scene) for scene in scenes]
        with self.optimiser.autocast():
            features: Tensor = self.model.image_encoder(torch.stack(images))
        return features.float()

    def validate(self, step: int, scenes: Sequence[Scene]) -> Validated:
        """What clicks are worth after ``step`` steps, and predicted against actual IoU."""
        with self.optimiser.averaged(), self._mixing():
            self.model.eval()
            try:
                with self.optimiser.autocast():
                    validation = validate(
                        self.model, scenes, self.features, self.recipe.prompts_per_pass
                    )
            finally:
                set_training(self.model, self.recipe)
        if step == 0:
            self.untrained.found_before = validation.objects_found
        everything = self.everything
        if self.recipe.changes_masks:
            everything = validation.everything(self.untrained.found_before)
        entry = _entry(validation) | {"everything": everything}
        reliability = [asdict(bin_) for bin_ in validation.reliability()]
        calibration = {"step": step, **entry, "reliability": reliability}
        if step == 0:
            self.untrained.before = calibration
        both = {"before": self.untrained.before, "after": calibration}
        worth = validation.miou[0] if validation.text_miou is None else validation.text_miou
        return Validated(worth, entry, everything, {CALIBRATION_FILE: both})

    def state(self) -> dict[str, Any]:
        """All that steps and validation change, whole; every process must ask for it."""
        clicks = None if self.clicks is None else self.clicks.state()
        return self.optimiser.state() | {"clicks": clicks, "course": asdict(self.untrained)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        self.optimiser.load_state(state)
        clicks = state.get("clicks")
        self.clicks = None if clicks is None else Clicks(**clicks)
        course = state["course"]
        self.untrained = Untrained(course["found_before"], course["before"])

    def checkpoint(
        self, name: str, made_by: Mapping[str, Any], everything: Mapping[str, float]
    ) -> Checkpoint:
        """The averaged model with LoRA merged; every process must ask for it."""
        state = self.optimiser.averaged_weights(partial(merged_state, self.model))
        if self.before is not None:
            state = mixed(self.before.state_dict(), state, self.recipe.mix)
        return Checkpoint(name, self.model.config, state, made_by=made_by, everything=everything)

    @contextmanager
    def _mixing(self) -> Iterator[None]:
        """Let the model have the weights that a checkpoint of now would have."""
        if self.before is None or self.recipe.mix == 1:
            yield
            return
        old, now = self.before.state_dict(), deepcopy(self.model.state_dict())
        self.model.load_state_dict(mixed(old, now, self.recipe.mix))
        try:
            yield
        finally:
            self.model.load_state_dict(now)

    def _framed(
        self, framing: Framing, sample: Sample, rng: np.random.Generator, text_share: float
    ) -> Scene:
        """What is broken is found out here, where it is passed over."""
        if self.embeddings is not None and not framing.needs_pixels:
            self.embeddings.check(sample)
        scene = framing.scene(sample, rng)
        return scene if self.crops is None else told(scene, self.crops.of(sample), text_share, rng)

    def _learn(self, number: int, scenes: Sequence[Scene]) -> Tally:
        """Add the gradients of one pass."""
        if number < self.recipe.distill_steps:
            return self._imitate(scenes)
        if self.recipe.ranking_left(number):
            return self._rank(scenes)
        self.clicks = None  # what the tokens say changes with the masks
        features = self.features(scenes)
        leaf = features.detach().requires_grad_(features.requires_grad)
        tally = self._play(leaf, joined(scenes))
        if features.requires_grad:
            torch.autograd.backward([features], [leaf.grad])
        return tally

    def _imitate(self, scenes: Sequence[Scene]) -> Tally:
        """Learn what the teacher says of the images: the mean square error of embeddings."""
        assert self.embeddings is not None
        wanted = torch.cat([self._frozen(self.embeddings, scene) for scene in scenes])
        loss = F.mse_loss(self.features(scenes), wanted)
        torch.autograd.backward([loss * (len(scenes) / self.recipe.batch)])
        return {"loss": float(loss.detach()) * len(scenes)}

    def _rank(self, scenes: Sequence[Scene]) -> Tally:
        """Click on all objects, and teach the head that predicts IoUs from all clicks so far."""
        new = clicked(self.model, self.features(scenes), joined(scenes), self.recipe)
        self.clicks = new if self.clicks is None else joined_clicks([self.clicks, new])
        loss = ranking_step(self.model, self.clicks)
        torch.autograd.backward([loss * (len(scenes) / self.recipe.batch)])
        count = len(scenes)
        return {"loss": float(loss.detach()) * count, "clicks": float(len(self.clicks) * count)}

    def _play(self, features: Tensor, objects: Objects) -> Tally:
        """All rounds with all objects, some at a time: gradients for the head and ``features``."""
        share = _shares(objects, features.device) / self.recipe.habits.rounds
        if self.recipe.balance_sizes:
            truth = torch.from_numpy(objects.truth).to(features.device)
            share = share * size_weights(truth, self.recipe.balance_sizes)
        positions = self.model.positions()
        leaves = _detached(positions) if self.recipe.train_head else positions
        tally: Tally = {"loss": 0.0, "focal": 0.0, "dice": 0.0, "iou_error": 0.0, "iou": 0.0}
        for first in range(0, len(objects), self.recipe.prompts_per_pass):
            rows = slice(first, first + self.recipe.prompts_per_pass)
            with self.optimiser.autocast():
                for answered in self._rounds(features, leaves, objects[rows]):
                    loss = (answered.loss * share[rows]).sum() / self.recipe.batch
                    torch.autograd.backward([loss])
                    for name in tally:
                        losses = getattr(answered, name).detach()
                        tally[name] += float((losses * share[rows]).sum())
        if self.recipe.train_head:
            _pass_back(positions, leaves)
        return tally

    def _rounds(
        self, features: Tensor, positions: ImagePositions, objects: Objects
    ) -> Iterator[Round]:
        asked = self.model, features, positions, objects, self.recipe.habits, self.losses
        if objects.taught is None:
            return play(*asked)
        weights = self.recipe.taught_weight, self.recipe.ranking_weight, self.recipe.keep_weight
        return play_taught(*asked, Lesson(*weights, self.before))

    def _frozen(self, embeddings: Embeddings, scene: Scene) -> Tensor:
        """The embedding of a scene by an encoder that does not learn."""
        if not self.recipe.jitters:
            embedding = embeddings.of(scene.sample)
            return embedding.flip(-1) if scene.is_flipped else embedding
        assert scene.pixels is not None
        return embeddings.encoder.embed_pixels(
            torch.from_numpy(scene.pixels).permute(2, 0, 1)[None]
        ).clone()  # what inference mode made can't be learned from

    def _image(self, scene: Scene) -> Tensor:
        assert scene.pixels is not None
        pixels = torch.from_numpy(scene.pixels).to(self.world.device).permute(2, 0, 1)
        return self.model.preprocess(pixels)


def _entry(validation: Validation) -> Entry:
    clicks = {f"miou_{i + 1}": value for i, value in enumerate(validation.miou)}
    text = {} if validation.text_miou is None else {"miou_text": validation.text_miou}
    return {**text, **clicks, "calibration_error": validation.calibration_error}


def _shares(objects: Objects, device: torch.device) -> Tensor:
    """How much each of P objects counts: an image's together are one."""
    counts = np.bincount(objects.image_index)
    shares = (1 / counts[objects.image_index]).astype(np.float32)
    return torch.from_numpy(shares).to(device)


def _tensors(positions: ImagePositions) -> list[Tensor]:
    return [*(tensor for layer in positions.layers for tensor in layer), positions.final]


def _detached(positions: ImagePositions) -> ImagePositions:
    """The same numbers as leaves, which collect the gradients of many rounds."""
    layers = tuple(
        LayerPositions(*(tensor.detach().requires_grad_() for tensor in layer))
        for layer in positions.layers
    )
    return ImagePositions(layers, positions.final.detach().requires_grad_())


def _pass_back(positions: ImagePositions, leaves: ImagePositions) -> None:
    """Hand the collected gradients on to what the positions were made of."""
    pairs = [
        (mine, leaf.grad)
        for mine, leaf in zip(_tensors(positions), _tensors(leaves))
        if leaf.grad is not None
    ]
    if pairs:
        torch.autograd.backward([mine for mine, _ in pairs], [grad for _, grad in pairs])
