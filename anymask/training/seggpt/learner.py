"""SegGPT's learner: a model, and what one step and a validation do with it.

Shape legend: B scenes of a pass, H W pixels of the stacked picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from anymask.core.in_context.frame import UNDECIDED
from anymask.core.in_context.masking import half_mask
from anymask.core.in_context.palette import Labels, palette, read_colors
from anymask.datasets.sample import Sample
from anymask.models.seggpt import SegGPT, painting_loss
from anymask.predict.in_context.picture_numbers import PictureNumbers
from anymask.training.distributed import World
from anymask.training.learner import Tally, Validated
from anymask.training.optimiser import Optimiser
from anymask.training.seggpt.recipe import SegGPTRecipe
from anymask.training.seggpt.scenes import Pairing, Scene
from anymask.training.seggpt.scores import Mask, iou, mean_of_means
from anymask.training.seggpt.start import parameter_groups
from anymask.weights.checkpoint import Checkpoint


class SegGPTLearner:
    """Learns from passes of scenes, one step at a time (``training.learner.Learner``).

    learning, held_out: how samples of either set become scenes.
    """

    def __init__(
        self,
        model: SegGPT,
        recipe: SegGPTRecipe,
        world: World,
        learning: Pairing,
        held_out: Pairing,
    ) -> None:
        self.model, self.recipe, self.world = model, recipe, world
        self.learning, self.held_out = learning, held_out
        self.optimiser = Optimiser(model, parameter_groups(model, recipe), recipe, world)
        self.numbers = PictureNumbers(world.device)

    def scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene to learn from. Raises ``ImageError`` for what can't be learned from."""
        return self.learning.scene(sample, rng)

    def validation_scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene to validate with: one thing, and one example of it. Raises as ``scene``."""
        return self.held_out.validation_scene(sample, rng)

    def notes(self) -> list[str]:
        """Whether it begins with nothing."""
        if not (self.recipe.weights or self.recipe.dino):
            return ["it starts from random numbers (--set dino=dinov2-small starts it from images)"]
        return []

    def step(self, number: int, passes: Iterable[Sequence[Scene]]) -> Tally | None:
        """One update, number ``number`` from 0; None, and none made, if a loss is no number."""
        return self.optimiser.step(number, passes, self._learn)

    @torch.no_grad()
    def validate(self, step: int, scenes: Sequence[Scene]) -> Validated:
        """One-shot mIoU: of each group the mean over its scenes, and of these the mean.

        Beside it, what copying the example's mask would be worth.
        """
        ious: dict[str, list[float]] = {}
        copied: dict[str, list[float]] = {}
        with self.optimiser.averaged():
            self.model.eval()
            for scene in scenes:
                example, truth = np.split(scene.labels, 2)
                counts = truth != UNDECIDED
                for measured, mask in ((ious, self.painted(scene)), (copied, example > 0)):
                    measured.setdefault(scene.group, []).append(iou(mask, truth > 0, counts))
            self.model.train()
        worth = mean_of_means(ious)
        return Validated(worth, {"miou": worth, "copied": mean_of_means(copied)})

    def painted(self, scene: Scene) -> Mask:
        """(H/2, W): where the model paints the one label of a validation's scene."""
        image, target = self.numbers.of([scene.image]), self.numbers.of([scene.target])
        with self.optimiser.autocast():
            out = self.model(image, target, is_instance=scene.is_instance, query_only=True)
        return read_colors(self.numbers.colors(out), palette(1), out.shape[-2:]).labels > 0

    def state(self) -> dict[str, Any]:
        """All that steps and validation change, whole; every process must ask for it."""
        return self.optimiser.state() | {"course": {}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        self.optimiser.load_state(state)

    def checkpoint(
        self, name: str, made_by: Mapping[str, Any], everything: Mapping[str, float]
    ) -> Checkpoint:
        """The averaged model; every process must ask for it."""
        return Checkpoint(
            name, self.model.config, self.optimiser.averaged_weights(), made_by=made_by
        )

    def _learn(self, number: int, scenes: Sequence[Scene]) -> Tally:
        """Add the gradients of one pass: the loss is the mean over the pixels that are hidden."""
        device = self.world.device
        image = self.numbers.of([scene.image for scene in scenes])
        target = self.numbers.of([scene.target for scene in scenes])
        hidden = np.stack([scene.is_masked for scene in scenes])
        counts = np.stack([weights_of(scene.labels, self.recipe.balance) for scene in scenes])
        kinds = torch.tensor([scene.is_instance for scene in scenes], device=device)
        is_masked = torch.from_numpy(hidden).to(device)
        weights = torch.from_numpy(counts[:, None]).to(device)
        is_half = bool((hidden == half_mask(hidden.shape[1:])).all())  # then for less
        with self.optimiser.autocast():
            out = self.model(image, target, None if is_half else is_masked, kinds, 1, is_half)
        if is_half:
            target, is_masked, weights = (
                whole.chunk(2, dim=dim)[1]
                for whole, dim in ((target, 2), (is_masked, 1), (weights, 2))
            )
        loss = painting_loss(out.float(), target, is_masked, weights)
        torch.autograd.backward([loss * (len(scenes) / self.recipe.batch)])
        return {"loss": float(loss.detach()) * len(scenes)}


def weights_of(labels: Labels, balance: float) -> npt.NDArray[np.float32]:
    """How much each pixel (H, W) counts: 0 where nobody decided, 1 on average elsewhere.

    balance: 0 for all alike, 1 for as much with a label as without, and between.
    """
    is_known = labels != UNDECIDED
    is_labelled = labels > 0
    share = is_labelled.sum() / max(1, is_known.sum())
    if not 0 < share < 1:
        return np.asarray(is_known, np.float32)
    even = np.where(is_labelled, 0.5 / share, 0.5 / (1 - share))
    return np.asarray(is_known * (balance * even + 1 - balance), np.float32)
