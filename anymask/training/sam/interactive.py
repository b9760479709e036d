"""The interactive rounds: how a promptable model learns (§3, §A "training algorithm").

Each round asks about all masks of a batch, compares the answers with the truth, and lets the
simulated user (``core.interaction``) say what is still wrong. The answers go on as prompts without
their gradient, so that a round's gradients can be computed, and its memory given back, before the
next one begins.

Shape legend: B images, P prompts, M mask tokens, N points, h w low-resolution grid, S side of the
model's input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anymask.core.geometry import Floats
from anymask.core.interaction import Clicks, Habits, Script, first_prompts, next_points
from anymask.core.prompts import PADDING
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.models.two_way import ImagePositions
from anymask.training.sam.losses import MaskLosses, mask_losses
from anymask.training.sam.taught import Taught

CLEAR, AMBIGUOUS, ALL = slice(0, 1), slice(1, None), slice(None)  # mask tokens
TEMPERATURE = 0.1  # of IoU, within which the surest mask is anybody's guess


@dataclass(frozen=True, eq=False)
class Objects:
    """P objects in B images, and what chance has in store for each.

    truth: (P, h, w) bool over the model's input, at the size of mask logits.
    boxes_xyxy: (P, 4) in pixels of the input. image_index: (P,) int64. text: (P, d) embeddings that
    are first prompts, zeros where a point or a box is; None where all are those. taught: what a
    teacher answered to a click on each; None where nobody was asked.
    """

    truth: npt.NDArray[np.bool_]
    boxes_xyxy: Floats
    image_index: npt.NDArray[np.int64]
    script: Script
    text: Floats | None = None
    taught: Taught | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def __getitem__(self, rows: slice) -> Objects:
        return Objects(
            self.truth[rows],
            self.boxes_xyxy[rows],
            self.image_index[rows],
            self.script[rows],
            None if self.text is None else self.text[rows],
            None if self.taught is None else self.taught[rows],
        )


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts (§A: focal : dice = 20 : 1, and the error of the IoU once).

    surest: how much of the three masks' loss is not the best one's but that of the one that is
    shown, by the softmax of the predicted IoUs. clear: how much the mask for clear prompts learns
    beside the three.
    """

    focal: float = 20.0
    dice: float = 1.0
    iou: float = 1.0
    surest: float = 0.0
    clear: float = 0.0


@dataclass(frozen=True, eq=False)
class Round:
    """One round of interaction (§A, training algorithm) with P prompts.

    A model is asked once and its answers are compared with the truth; (P,) numbers each, of which
    only ``loss`` carries gradients.

    loss: the weighted sum. focal, dice: of the mask with the lowest loss. iou_error: squared, the
    mean over the prompt's masks. iou: of the mask that the model is most sure of.
    """

    loss: Tensor
    focal: Tensor
    dice: Tensor
    iou_error: Tensor
    iou: Tensor


def play(
    model: Sam,
    features: Tensor,
    positions: ImagePositions,
    objects: Objects,
    habits: Habits,
    weights: LossWeights,
) -> Iterator[Round]:
    """Play all rounds with P objects; the caller may compute gradients between any two.

    features: (B, C, h/4, w/4) embeddings; positions: ``model.positions()``.

    A single prompt is answered by the three masks for ambiguous ones; the lowest loss among them is
    what counts (§3, "Making it ambiguity-aware"), and the one with the highest predicted IoU goes
    on. Several prompts are answered by the fourth mask. Predicted IoUs are learned for every mask
    that is asked for, because everything-mode reads them all.
    """
    truth = torch.from_numpy(objects.truth).to(features.device)
    cell_px = model.config.encoder.image_px / objects.truth.shape[-1]
    xy, labels = first_prompts(objects.truth, objects.boxes_xyxy, objects.script, habits, cell_px)
    if objects.text is not None:
        labels[objects.text.any(axis=1)] = PADDING
    answer: Tensor | None = None  # (P, h, w) logits, without gradient
    for number in range(habits.rounds):
        if answer is not None:
            masks = (answer > 0).cpu().numpy()
            new_xy, new_labels = next_points(objects.truth, masks, objects.script, number, cell_px)
            xy = np.concatenate([xy, new_xy], axis=1)
            labels = np.concatenate([labels, new_labels], axis=1)
        asked = (xy, labels), objects.image_index, answer
        if number == 0 and weights.clear:
            logits, predicted_iou = ask(
                model, features, positions, *asked, which=ALL, text=objects.text
            )
            clear = weights.clear * _masks_loss(mask_losses(logits[:, CLEAR], truth), weights)[:, 0]
            logits, predicted_iou = logits[:, AMBIGUOUS], predicted_iou[:, AMBIGUOUS]
            round_ = _compared(logits, predicted_iou, truth, weights)
            yield replace(round_, loss=round_.loss + clear)
        else:
            logits, predicted_iou = ask(model, features, positions, *asked, text=objects.text)
            yield _compared(logits, predicted_iou, truth, weights)
        answer = surest(logits.detach(), predicted_iou.detach())


def ask(
    model: Sam,
    features: Tensor,
    positions: ImagePositions,
    clicks: Clicks,
    image_index: npt.NDArray[np.int64],
    answer: Tensor | None,
    which: slice | None = None,
    text: Floats | None = None,
) -> tuple[Tensor, Tensor]:
    """Logits (P, M, h, w) and predicted IoUs (P, M) for clicks and what was answered before.

    answer: (P, h, w) logits, or None in the first round. which: of the mask tokens; None: the three
    for the first round, else the fourth. text: as of ``Objects``.
    """
    device = features.device
    told = None if text is None else torch.from_numpy(text).to(device)
    prompts = PromptBatch(
        torch.from_numpy(clicks[0]).to(device),
        torch.from_numpy(clicks[1]).to(device),
        torch.from_numpy(image_index).to(device),
        None if answer is None else answer[:, None],
        text_embeddings=told,
        has_text=None if told is None else told.any(dim=1),
    )
    if which is None:
        which = AMBIGUOUS if answer is None else CLEAR
    return model.decode(features, prompts, positions, which)


def surest(logits: Tensor, predicted_iou: Tensor) -> Tensor:
    """The mask with the highest predicted IoU of each prompt: (P, M, h, w) to (P, h, w)."""
    prompts = torch.arange(len(logits), device=logits.device)
    return logits[prompts, predicted_iou.argmax(dim=1)].float()


def _compared(logits: Tensor, predicted_iou: Tensor, truth: Tensor, weights: LossWeights) -> Round:
    """Losses of (P, M) answers; of each prompt's masks only the best one's count."""
    losses = mask_losses(logits, truth)
    masks = _masks_loss(losses, weights)
    best = masks.detach().argmin(dim=1, keepdim=True)
    iou_error = (predicted_iou.float() - losses.iou).square().mean(dim=1)
    surest = predicted_iou.detach().argmax(dim=1, keepdim=True)
    learned = masks.gather(1, best)[:, 0]
    if weights.surest:
        shown = torch.softmax(predicted_iou.detach().float() / TEMPERATURE, dim=1)
        learned = torch.lerp(learned, (shown * masks).sum(dim=1), weights.surest)
    return Round(
        loss=learned + weights.iou * iou_error,
        focal=losses.focal.detach().gather(1, best)[:, 0],
        dice=losses.dice.detach().gather(1, best)[:, 0],
        iou_error=iou_error.detach(),
        iou=losses.iou.gather(1, surest)[:, 0],
    )


def _masks_loss(losses: MaskLosses, weights: LossWeights) -> Tensor:
    """Focal and dice loss of each mask: (P, M)."""
    return weights.focal * losses.focal + weights.dice * losses.dice
