"""Distilling a decoder: a student learns what a teacher answers to clicks (Hinton et al.,
arXiv 1503.02531), and which of its masks is meant, while clear prompts keep their answers.

A click has K masks of the teacher and M of the student, whose tokens mean what they meant before:
so the masks are paired as they agree best, not by number. What the student should think of each of
its masks is the IoU that it may expect: with the true mask, or, where nobody drew one, with each of
the teacher's, by how sure the teacher is of it.

Shape legend: B images, P prompts, M mask tokens, K masks of the teacher, h w low-resolution grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.core.interaction import Clicks, Habits, first_prompts, next_points
from anymask.models.sam import Sam
from anymask.models.two_way import ImagePositions
from anymask.training.sam.interactive import (
    AMBIGUOUS,
    CLEAR,
    TEMPERATURE,
    LossWeights,
    Objects,
    Round,
    ask,
)
from anymask.training.sam.losses import MaskLosses, mask_losses
from anymask.training.sam.taught import Taught

Asked = tuple[Clicks, npt.NDArray[np.int64], Tensor | None]  # as ``ask`` takes it
CERTAINTY = 255.0  # what uint8 certainties are shares of
SOFT_ENTROPY = 5.0  # of the cross-entropy beside dice, which is about as large then


@dataclass(frozen=True)
class Lesson:
    """How much each part of what is learned counts, beside ``LossWeights``.

    taught: the teacher's masks of a click. ranking: what showing the surest mask costs. keep: that
    clear prompts are answered as ``before``, the model that the student was.
    """

    taught: float
    ranking: float
    keep: float
    before: Sam | None = None


def frozen_copy(model: Sam) -> Sam:
    """The model's head as it is now, for good; the encoder, which nothing asks, is left out."""
    encoder, model.image_encoder = model.image_encoder, nn.Identity()  # type: ignore[assignment]
    try:
        copy = deepcopy(model)
    finally:
        model.image_encoder = encoder
    return copy.requires_grad_(False).eval()


def soft_costs(logits: Tensor, certainty: Tensor) -> Tensor:
    """How far each of (P, M, h, w) logits is from each of (P, K, h, w) certainties: (P, M, K).

    Binary cross-entropy, the mean over the cells, times ``SOFT_ENTROPY``, and dice; in float32.
    """
    with torch.autocast(logits.device.type, enabled=False):  # which would round the products
        x, wanted = logits.flatten(2).float(), certainty.flatten(2).float()
        entropy = F.softplus(x).mean(dim=2)[:, :, None] - x @ wanted.mT / x.shape[2]
        p = x.sigmoid()
        sums = p.sum(dim=2)[:, :, None] + wanted.sum(dim=2)[:, None]
        dice = 1 - (2 * (p @ wanted.mT) + 1) / (sums + 1)
        return SOFT_ENTROPY * entropy + dice


@torch.no_grad()
def pairwise_iou(logits: Tensor, certainty: Tensor) -> Tensor:
    """The IoU of each of (P, M, h, w) logits with each of (P, K, h, w) certainties: (P, M, K)."""
    ours, theirs = (logits.flatten(2) > 0).float(), (certainty.flatten(2) > 0.5).float()
    with torch.autocast(logits.device.type, enabled=False):
        shared = ours @ theirs.mT
    union = ours.sum(dim=2)[:, :, None] + theirs.sum(dim=2)[:, None] - shared
    return shared / union.clamp(min=1)


def best_pairs(costs: Tensor) -> Tensor:
    """Which of M masks stands for each of K ≤ M of the teacher's, no mask for two: (P, K).

    costs: (P, M, K). The cheapest of all assignments; of equal ones the first.
    """
    masks, taught = costs.shape[1:]
    ways = torch.tensor(list(permutations(range(masks), taught)), device=costs.device)  # W K
    each = costs[:, ways, torch.arange(taught, device=costs.device)]  # P W K
    return ways[each.sum(dim=2).argmin(dim=1)]


def taught_loss(logits: Tensor, certainty: Tensor, predicted_iou: Tensor) -> Tensor:
    """How far (P, M, h, w) logits are from a teacher's masks (P, K, h, w), paired at best: (P,).

    predicted_iou: (P, K), the teacher's own: by these its masks count.
    """
    if certainty.shape[1] > logits.shape[1]:
        certainty, predicted_iou = _likeliest(certainty, predicted_iou, logits.shape[1])
    costs = soft_costs(logits, certainty)
    pairs = best_pairs(costs.detach())
    paired = costs.gather(1, pairs[:, None])[:, 0]
    weight = predicted_iou.clamp(min=1e-3)
    return (paired * weight).sum(dim=1) / weight.sum(dim=1)


def expected_iou(logits: Tensor, certainty: Tensor, predicted_iou: Tensor) -> Tensor:
    """The IoU that each of (P, M, h, w) masks may expect with what the teacher thinks is meant.

    Which of its K masks that is, the softmax of its predicted IoUs (P, K) says. (P, M).
    """
    meant = torch.softmax(predicted_iou / TEMPERATURE, dim=1)
    return (pairwise_iou(logits, certainty) * meant[:, None]).sum(dim=2)


def behind(predicted: Tensor, actual: Tensor) -> Tensor:
    """The IoU by which what is shown falls behind the best of (P, M) masks, on average: (P,).

    Each is shown by the softmax of its predicted IoU.
    """
    shown = torch.softmax(predicted / TEMPERATURE, dim=1)
    return (shown * (actual.amax(dim=1, keepdim=True) - actual)).sum(dim=1)


def play_taught(
    model: Sam,
    features: Tensor,
    positions: ImagePositions,
    objects: Objects,
    habits: Habits,
    weights: LossWeights,
    lesson: Lesson,
) -> Iterator[Round]:
    """Play all rounds with P objects that a teacher was asked about; otherwise as ``play``.

    The first prompt is the click that the teacher was asked, or a box. The rounds that follow ask
    for the mask for clear prompts, and lead to the object of the click.
    """
    assert objects.taught is not None
    device = features.device
    truth = torch.from_numpy(objects.truth).to(device)
    cell_px = model.config.encoder.image_px / objects.truth.shape[-1]
    xy, labels = first_prompts(objects.truth, objects.boxes_xyxy, objects.script, habits, cell_px)
    is_box = objects.script.takes_box
    xy[~is_box, 0] = objects.taught.points_xy[~is_box]
    before = _Before(lesson, features)
    boxed = torch.from_numpy(is_box).to(device)
    answer: Tensor | None = None
    for number in range(habits.rounds):
        if answer is not None:
            masks = (answer > 0).cpu().numpy()
            more = next_points(objects.truth, masks, objects.script, number, cell_px)
            xy = np.concatenate([xy, more[0]], axis=1)
            labels = np.concatenate([labels, more[1]], axis=1)
        asked = (xy, labels), objects.image_index, answer
        if number == 0:
            logits, iou = ask(model, features, positions, *asked, which=slice(None))
            losses = mask_losses(logits, truth)
            clear = _clear(logits[:, CLEAR], iou[:, CLEAR], losses, weights)
            clear = clear + before.loss(asked, logits[:, CLEAR])
            clicked = _clicked(logits, iou, losses, objects.taught, weights, lesson)
            loss = torch.where(boxed, clear, clicked)
            shown = iou.detach().float().clone()
            shown[boxed, 1:], shown[~boxed, 0] = -torch.inf, -torch.inf
        else:
            logits, iou = ask(model, features, positions, *asked)
            losses, shown = mask_losses(logits, truth), iou.detach().float()
            loss = _clear(logits, iou, losses, weights) + before.loss(asked, logits)
        best = shown.argmax(dim=1, keepdim=True)
        focal, dice, actual = (part.detach().gather(1, best)[:, 0] for part in losses)
        error = (shown.gather(1, best)[:, 0] - actual).square()
        yield Round(loss, focal, dice, iou_error=error, iou=actual)
        rows = torch.arange(len(logits), device=device)
        answer = logits.detach()[rows, best[:, 0]].float()


class _Before:
    """What the student said before it learned, where that counts."""

    def __init__(self, lesson: Lesson, features: Tensor) -> None:
        self.model, self.keep, self.features = lesson.before, lesson.keep, features.detach()
        if self.model is not None and self.keep:
            with torch.no_grad():
                self.positions = self.model.positions()

    def loss(self, asked: Asked, logits: Tensor) -> Tensor:
        """How far (P, 1, h, w) answers to clear prompts have come from it: (P,)."""
        if self.model is None or not self.keep:
            return logits.new_zeros(len(logits), dtype=torch.float32)
        with torch.no_grad():
            old, _ = ask(self.model, self.features, self.positions, *asked, which=CLEAR)
        return self.keep * soft_costs(logits, old.float().sigmoid())[:, 0, 0]


def _clear(logits: Tensor, iou: Tensor, losses: MaskLosses, weights: LossWeights) -> Tensor:
    """The loss of the mask for clear prompts, (P, 1, h, w): (P,)."""
    masks = weights.focal * losses.focal[:, 0] + weights.dice * losses.dice[:, 0]
    return masks + weights.iou * (iou[:, 0].float() - losses.iou[:, 0]).square()


def _clicked(
    logits: Tensor,
    iou: Tensor,
    losses: MaskLosses,
    taught: Taught,
    weights: LossWeights,
    lesson: Lesson,
) -> Tensor:
    """The loss of all masks of a click: (P,)."""
    device = logits.device
    certainty = torch.from_numpy(taught.certainty).to(device).float() / CERTAINTY
    their_iou = torch.from_numpy(taught.predicted_iou).to(device).float()
    is_true = torch.from_numpy(taught.is_true).to(device)
    expected = expected_iou(logits, certainty, their_iou)
    actual = torch.where(is_true[:, None], losses.iou, expected)
    predicted = iou.float()
    masks = (weights.focal * losses.focal + weights.dice * losses.dice)[:, AMBIGUOUS]
    true_loss = masks.amin(dim=1)
    if weights.surest:
        shown = torch.softmax(predicted.detach()[:, AMBIGUOUS] / TEMPERATURE, dim=1)
        true_loss = torch.lerp(true_loss, (shown * masks).sum(dim=1), weights.surest)
    return (
        lesson.taught * taught_loss(logits[:, AMBIGUOUS], certainty, their_iou)
        + is_true * true_loss
        + weights.iou * (predicted - actual).square().mean(dim=1)
        + lesson.ranking * behind(predicted[:, AMBIGUOUS], actual[:, AMBIGUOUS])
    )


def _likeliest(certainty: Tensor, predicted_iou: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Of a teacher's masks those that it is surest of."""
    rows = predicted_iou.topk(count, dim=1).indices
    return certainty.gather(1, rows[..., None, None].expand(-1, -1, *certainty.shape[2:])), (
        predicted_iou.gather(1, rows)
    )
