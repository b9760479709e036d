"""Validation: what clicks are worth on images that the model does not learn from.

Masks are compared at the size of mask logits, which is enough to see a run's course; figures to
report are those of ``anymask evaluate``.

Shape legend: P objects, M mask tokens, C channels, h w low-resolution grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anymask.core.calibration import (
    OFFICIAL_THRESHOLDS,
    Bin,
    expected_error,
    found_share,
    reliability,
    suggested_thresholds,
)
from anymask.core.interaction import next_click, random_points
from anymask.core.prompts import OBJECT
from anymask.models.sam import Sam
from anymask.models.two_way import ImagePositions
from anymask.training.sam.interactive import AMBIGUOUS, Objects, ask, surest
from anymask.training.sam.losses import mask_iou
from anymask.training.sam.ranking import decoded, first_clicks
from anymask.training.sam.scenes import Scene

CLICKS = 3
STABILITY_OFFSET = 1.0  # as in everything-mode
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Validation:
    """Mean IoUs and calibration.

    miou: after each click, the first answered by the surest of three masks. text_miou: of the
        surest mask for what is said of each object, of a model that reads.
    predicted_iou, actual_iou, stability: (P, M), of the masks that a click anywhere on each object
        gets, as in everything-mode.
    """

    miou: tuple[float, ...]
    predicted_iou: Floats
    actual_iou: Floats
    stability: Floats
    text_miou: float | None = None

    @property
    def calibration_error(self) -> float:
        """The expected error of the predicted IoU."""
        return expected_error(self.predicted_iou, self.actual_iou)

    @property
    def objects_found(self) -> float:
        """The share of objects that everything-mode's official thresholds leave."""
        masks = self.predicted_iou, self.stability, self.actual_iou
        return found_share(*masks, OFFICIAL_THRESHOLDS)

    def everything(self, at_least: float) -> dict[str, float]:
        """The thresholds that everything-mode should have; at_least: share of objects to find."""
        masks = self.predicted_iou, self.stability, self.actual_iou
        return suggested_thresholds(*masks, at_least)

    def reliability(self) -> list[Bin]:
        """Predicted against actual IoU."""
        return reliability(self.predicted_iou, self.actual_iou)


@torch.no_grad()
def validate(
    model: Sam,
    scenes: Sequence[Scene],
    features_of: Callable[[Sequence[Scene]], Tensor],
    prompts_per_pass: int,
) -> Validation:
    """Click on all objects of all scenes.

    features_of: embeddings (1, C, h/4, w/4) of one scene.
    """
    ious: list[Floats] = []
    told: list[Floats] = []
    anywhere: list[tuple[Floats, Floats, Floats]] = []
    positions = model.positions()
    for scene in scenes:
        features = features_of([scene])
        for first in range(0, len(scene.objects), prompts_per_pass):
            objects = scene.objects[first : first + prompts_per_pass]
            ious.append(_clicked(model, features, positions, objects))
            anywhere.append(_anywhere(model, features, positions, objects))
            if objects.text is not None:
                told.append(_told(model, features, positions, objects))
    per_click = np.concatenate(ious).mean(axis=0)
    predicted, actual, stability = (np.concatenate(arrays) for arrays in zip(*anywhere))
    return Validation(
        tuple(float(iou) for iou in per_click),
        predicted,
        actual,
        stability,
        float(np.concatenate(told).mean()) if told else None,
    )


@torch.no_grad()
def first_click_ious(model: Sam, features: Tensor, objects: Objects, clicks: int) -> Floats:
    """The IoU of the surest mask for each of so many first clicks on P objects: (P, clicks).

    features: (1, C, h/4, w/4), of their image. The first is the deepest point, the others are by
    chance (``ranking.first_clicks``), which the script of the objects has.
    """
    cell_px = model.config.encoder.image_px / objects.truth.shape[-1]
    deepest = np.array([next_click(truth, None)[0] for truth in objects.truth], np.float32)
    points = [(deepest + 0.5) * cell_px - 0.5]
    points += first_clicks(objects.truth, objects.script, clicks - 1, cell_px)
    wanted, positions = torch.from_numpy(objects.truth).to(features.device), model.positions()
    labels = np.full((len(objects), 1), OBJECT)
    ious = []
    for xy in points:
        prompts = xy[:, None], labels
        answer = surest(*ask(model, features, positions, prompts, objects.image_index, None))
        ious.append(mask_iou(answer[:, None], wanted)[:, 0].cpu().numpy())
    return np.stack(ious, axis=1)


def _told(model: Sam, features: Tensor, positions: ImagePositions, objects: Objects) -> Floats:
    """The IoU of the surest mask for the text alone: (P,)."""
    nothing = np.zeros((len(objects), 0, 2), np.float32), np.zeros((len(objects), 0), np.int64)
    answer = ask(model, features, positions, nothing, objects.image_index, None, text=objects.text)
    truth = torch.from_numpy(objects.truth).to(features.device)
    return mask_iou(surest(*answer)[:, None], truth)[:, 0].cpu().numpy()


def _clicked(model: Sam, features: Tensor, positions: ImagePositions, objects: Objects) -> Floats:
    """The IoUs after 1, 2, … clicks: (P, CLICKS)."""
    xy, labels = np.zeros((len(objects), 0, 2), np.float32), np.zeros((len(objects), 0), np.int64)
    masks: list[Mask | None] = [None] * len(objects)
    wanted = torch.from_numpy(objects.truth).to(features.device)
    answer: Tensor | None = None
    ious = []
    for _ in range(CLICKS):
        clicks = [next_click(truth, mask) for truth, mask in zip(objects.truth, masks)]
        points = np.array([point for point, _ in clicks], np.float32)
        cell_px = model.config.encoder.image_px / objects.truth.shape[-1]
        xy = np.concatenate([xy, ((points + 0.5) * cell_px - 0.5)[:, None]], axis=1)
        new_labels = np.array([label for _, label in clicks], np.int64)
        labels = np.concatenate([labels, new_labels[:, None]], axis=1)
        answer = surest(*ask(model, features, positions, (xy, labels), objects.image_index, answer))
        ious.append(mask_iou(answer[:, None], wanted)[:, 0].cpu().numpy())
        masks = list((answer > 0).cpu().numpy())
    return np.stack(ious, axis=1)


def _anywhere(
    model: Sam, features: Tensor, positions: ImagePositions, objects: Objects
) -> tuple[Floats, Floats, Floats]:
    """Predicted IoU, actual IoU and stability, (P, M) each, of the masks for one click anywhere.

    The first predictions: everything-mode asks for them before there are masks to look at twice.
    """
    cell_px = model.config.encoder.image_px / objects.truth.shape[-1]
    script = objects.script
    points = random_points(objects.truth, script.place[:, 0], script.within[:, 0], cell_px)
    tokens, masks = decoded(model, features, positions, objects, points)
    predicted = model.mask_decoder.predicted_iou(tokens)[:, AMBIGUOUS].float()
    logits = masks[:, AMBIGUOUS].float()
    truth = torch.from_numpy(objects.truth).to(logits.device)
    actual = mask_iou(logits, truth)
    larger = (logits > -STABILITY_OFFSET).sum(dim=(2, 3))
    stability = (logits > STABILITY_OFFSET).sum(dim=(2, 3)) / larger.clamp(min=1)
    return predicted.cpu().numpy(), actual.cpu().numpy(), stability.cpu().numpy()
