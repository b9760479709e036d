"""The detector's learner: a head over embeddings that are kept, and what steps do with it.

Shape legend: B images of a pass, C channels, h w embedding grid, N cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anymask.core.detecting.figures import box_figures
from anymask.datasets.sample import Sample
from anymask.models.detector import DetectorConfig, Guesses, ObjectDetector
from anymask.predict.detector import detected, proposals
from anymask.training.detector.assignment import assign
from anymask.training.detector.looks import PROPOSED, LookLosses, look_losses, with_truths
from anymask.training.detector.losses import DetectionLosses, detection_losses
from anymask.training.detector.recipe import DetectorRecipe
from anymask.training.detector.scenes import BoxScene, box_scene, flipped
from anymask.training.distributed import World
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.learner import Tally, Validated
from anymask.training.optimiser import Optimiser
from anymask.weights.checkpoint import Checkpoint

WORTH = "ar_100_50"  # what the best checkpoint has most of: objects found, by 100 boxes an image


class DetectorLearner:
    """Learns from passes of scenes, one step at a time (``training.learner.Learner``)."""

    def __init__(
        self, config: DetectorConfig, recipe: DetectorRecipe, world: World, embeddings: Embeddings
    ) -> None:
        self.config, self.recipe, self.world = config, recipe, world
        self.embeddings = embeddings
        torch.manual_seed(recipe.seed)
        model = ObjectDetector(config).to(world.device)
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.cells = model.cells(world.device)
        self.optimiser = Optimiser(model, parameter_groups(model, recipe), recipe, world)
        x, y = (self.cells.centres_xy * (config.grids[0] / config.image_px)).long().unbind(-1)
        self._finest = y, x  # which of the finest cells each cell's centre is in

    def scene(self, sample: Sample, rng: np.random.Generator) -> BoxScene:
        """A scene to learn from, left to right or as it is. Raises ``ImageError``."""
        scene = self.validation_scene(sample, rng)
        return flipped(scene, self.config.image_px) if rng.random() < self.recipe.flip else scene

    def validation_scene(self, sample: Sample, rng: np.random.Generator) -> BoxScene:
        """A scene to validate with. Raises as ``scene``."""
        self.embeddings.check(sample)
        return box_scene(sample, self.config.image_px, self.config.grids[0])

    def notes(self) -> list[str]:
        """Nothing that a person may have overlooked."""
        return []

    def step(self, number: int, passes: Iterable[Sequence[BoxScene]]) -> Tally | None:
        """One update, number ``number`` from 0; None, and none made, if a loss is no number.

        The loss of a pass is a mean over its objects, as a mean over images would let the few
        objects of some count more.
        """
        return self.optimiser.step(number, passes, self._learn)

    def features(self, scenes: Sequence[BoxScene]) -> Tensor:
        """The embeddings of B scenes: (B, C, h, w)."""
        each = (self.embeddings.of(scene.sample) for scene in scenes)
        turned = [x.flip(-1) if scene.is_flipped else x for x, scene in zip(each, scenes)]
        return torch.cat(turned).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def validate(self, step: int, scenes: Sequence[BoxScene]) -> Validated:
        """Average precision and recall of boxes."""
        judged = []
        with self.optimiser.averaged():
            self.model.eval()
            for scene in scenes:
                features = self.features([scene])
                judged.append(
                    scene.judged(detected(self.model, features, self.cells, scene.resize_map))
                )
            self.model.train()
        figures = box_figures(judged)
        return Validated(figures.get(WORTH, 0.0), figures)

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
        return Checkpoint(name, self.config, self.optimiser.averaged_weights(), made_by=made_by)

    def _learn(self, number: int, scenes: Sequence[BoxScene]) -> Tally:
        """Add the gradients of one pass."""
        with self.optimiser.autocast():
            guesses = self.model(self.features(scenes))
        scores, boxes = guesses.scores.float(), guesses.boxes_xyxy.float()
        targets = [self._targets(scene) for scene in scenes]
        cells = [self._of_cells(*said) for said in zip(scores, boxes, targets)]
        looks = [self._of_looks(guesses, image, *target) for image, target in enumerate(targets)]
        sums = DetectionLosses(*(torch.stack(each).sum() for each in zip(*cells)))
        look_sums = LookLosses(*(torch.stack(each).sum() for each in zip(*looks)))
        score = sums.score / sums.qualities.clamp(min=1)
        box = sums.box / sums.shares.clamp(min=1)
        near = sums.near_box / sums.near_shares.clamp(min=1)
        look_score = look_sums.score / look_sums.qualities.clamp(min=1)
        look_box = look_sums.box / look_sums.boxes.clamp(min=1)
        loss = score + look_score + self.recipe.box_weight * (box + near + look_box)
        torch.autograd.backward([loss * (len(scenes) / self.recipe.batch)])
        parts = {"loss": loss, "score": score, "box": box, "near_box": near}
        parts |= {"look_score": look_score, "look_box": look_box}
        return {name: float(value.detach()) * len(scenes) for name, value in parts.items()}

    def _targets(self, scene: BoxScene) -> tuple[Tensor, Tensor]:
        """Objects (G, 4) of an image, and which of its finest cells count, (g, g)."""
        device = self.world.device
        objects = torch.from_numpy(scene.objects_xyxy).to(device)
        return objects, torch.from_numpy(scene.counts.copy()).to(device)

    def _of_cells(
        self, scores: Tensor, boxes_xyxy: Tensor, target: tuple[Tensor, Tensor]
    ) -> DetectionLosses:
        """The first stage's, of one image: (N,) logits and (N, 4) boxes."""
        objects, counts = target
        assignment = assign(scores.detach().sigmoid(), boxes_xyxy.detach(), self.cells, objects)
        return detection_losses(
            scores, boxes_xyxy, assignment, objects, counts[self._finest], self.recipe.doubt
        )

    def _of_looks(
        self, guesses: Guesses, image: int, objects: Tensor, counts: Tensor
    ) -> LookLosses:
        """The second stage's, of one image of the pass."""
        scores, boxes = guesses.scores[image].detach(), guesses.boxes_xyxy[image].detach()
        side = self.config.image_px  # mirrored images have their padding at the left
        proposed = proposals(scores, boxes, self.cells, (side, side), PROPOSED)
        seen = with_truths(proposed.boxes_xyxy, objects)
        looked = self.model.look(guesses, image, seen)
        return look_losses(looked, seen, objects, counts, side / len(counts))


def parameter_groups(model: ObjectDetector, recipe: DetectorRecipe) -> list[dict[str, object]]:
    """What AdamW takes: norms and biases don't decay."""
    parameters = list(model.parameters())
    groups = [
        ([p for p in parameters if p.ndim > 1], recipe.weight_decay),
        ([p for p in parameters if p.ndim < 2], 0.0),
    ]
    return [{"params": params, "lr_scale": 1.0, "weight_decay": decay} for params, decay in groups]
