"""Ranking: which of its masks a model is surest of, learned while all else stays as it is.

A click may mean the whole, a part, or a part of that (§3), and the predicted IoU alone says which
is shown first. What these annotators mean by an object, a few hundred masks tell, if each is
clicked on often: the head that predicts IoUs reads one token of 256 numbers a click, which are all
that has to be kept. So every click is decoded once and learned from many times. A second look at
masks (``models.mask_ranking``) reads all tokens, and what the image embedding says of each mask.

Shape legend: P objects or clicks, N clicks kept, T tokens, M mask tokens, A of them for ambiguous
prompts, C channels, h w low-resolution grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.core.geometry import Floats, interior_distance
from anymask.core.interaction import Mask, Script, random_points
from anymask.core.prompts import OBJECT
from anymask.models.mask_decoder import logit_map
from anymask.models.mask_ranking import averaged, covers
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.models.two_way import ImagePositions
from anymask.training.sam.interactive import AMBIGUOUS, TEMPERATURE, Objects
from anymask.training.sam.losses import mask_iou, size_weights
from anymask.training.sam.recipe import SamRecipe

TOKEN_DROPOUT = 0.3  # of what the head reads: objects are few
MIDDLE_SHARE = 0.6  # of clicks that are near an object's middle, where people click first
MIDDLE_DEPTH = 0.75  # of an object's deepest point, from which a point is near the middle
AT_ONCE = 512  # clicks that an update learns from
MOST_CLICKS = 1 << 15  # that are kept; 40 MB, or 130 for a second look
KEPT = torch.float16  # numbers of what a second look reads
SEEDS = 2**53  # different numbers that chance gives


@dataclass(frozen=True, eq=False)
class Clicks:
    """What N clicks gave.

    tokens: (N, T, C), and covered: (N, A, C), the mean embedding of each mask, are what is read;
    T is 1 and A 0 where there is no second look. predicted: (N, M), the IoUs predicted at first;
    iou: (N, M), that the masks really have. weight: (N,), how likely each is learned from.
    """

    tokens: Tensor
    covered: Tensor
    predicted: Tensor
    iou: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def drawn(self, count: int) -> Clicks:
        """So many of them by their weights, with replacement."""
        rows = torch.multinomial(self.weight, count, replacement=True)
        return Clicks(*(getattr(self, field.name)[rows].float() for field in fields(self)))

    def state(self) -> dict[str, Tensor]:
        """By name, to go on from."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def joined_clicks(several: Sequence[Clicks]) -> Clicks:
    """All of them in order; the last ``MOST_CLICKS`` stay."""
    names = [field.name for field in fields(Clicks)]
    return Clicks(
        *(torch.cat([getattr(one, name) for one in several])[-MOST_CLICKS:] for name in names)
    )


def first_clicks(truth: Mask, script: Script, number: int, cell_px: float) -> list[Floats]:
    """So many clicks on each of (P, h, w) objects, most of them near the middle: XY (P, 2) each.

    What chance decides follows from each object's part of the script.
    """
    seeds = (script.place[:, 0] * SEEDS).astype(np.int64)
    chances = np.stack([np.random.default_rng(seed).random((number, 4)) for seed in seeds])
    middles = np.stack([_middle(one) for one in truth])
    clicks = []
    for is_near, place, x, y in chances.transpose(1, 2, 0):
        regions = np.where((is_near < MIDDLE_SHARE)[:, None, None], middles, truth)
        clicks.append(random_points(regions, place, np.stack([x, y], axis=1), cell_px))
    return clicks


@torch.no_grad()
def clicked(model: Sam, features: Tensor, objects: Objects, recipe: SamRecipe) -> Clicks:
    """What the recipe's clicks on P objects give.

    features: (B, C, h/4, w/4) embeddings.
    """
    positions = model.positions()
    cell_px = model.config.encoder.image_px / objects.truth.shape[-1]
    made = first_clicks(objects.truth, objects.script, recipe.ranking_clicks, cell_px)
    clicks = []
    for first in range(0, len(objects), recipe.prompts_per_pass):
        rows = slice(first, first + recipe.prompts_per_pass)
        asked = objects[rows]
        truth = torch.from_numpy(asked.truth).to(features.device)
        weight = size_weights(truth, recipe.balance_sizes)
        for points in made:
            clicks.append(
                Clicks(*_answered(model, features, positions, asked, points[rows], truth), weight)
            )
    return joined_clicks(clicks)


def _answered(
    model: Sam,
    features: Tensor,
    positions: ImagePositions,
    objects: Objects,
    points: Floats,
    truth: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The first four of ``Clicks``, for a click (P, 2) on each object."""
    decoder = model.mask_decoder
    tokens, logits = decoded(model, features, positions, objects, points)
    predicted, actual = decoder.predicted_iou(tokens).float(), mask_iou(logits, truth)
    if decoder.ranking is None:
        return tokens[:, :1].float(), tokens[:, :0].float(), predicted, actual
    image_index = torch.from_numpy(objects.image_index).to(features.device)
    seen = features.flatten(2).mT.index_select(0, image_index)
    covered = averaged(seen, covers(logits[:, 1:]))
    return tokens.to(KEPT), covered.to(KEPT), predicted, actual


def decoded(
    model: Sam, features: Tensor, positions: ImagePositions, objects: Objects, points: Floats
) -> tuple[Tensor, Tensor]:
    """Tokens (P, 1 + M, C) and logits (P, M, h, w) of a click (P, 2) on each object, as they are
    before a second look."""
    device = features.device
    prompts = PromptBatch(
        torch.from_numpy(points[:, None]).to(device),
        torch.full((len(points), 1), OBJECT, dtype=torch.int64, device=device),
        torch.from_numpy(objects.image_index).to(device),
    )
    decoder, embedded = model.mask_decoder, model.prompt_encoder(prompts)
    tokens, image = decoder.look(features, prompts.image_index, embedded, positions)
    return tokens, logit_map(decoder.position_logits(tokens, image))


def ranking_loss(predicted: Tensor, actual: Tensor) -> Tensor:
    """How far (P, M) predicted IoUs are off, and what showing the surest mask costs: a number.

    The first is the mean square error. The second is the IoU by which the mask that is shown falls
    behind the best of those for one click, where each is shown with the softmax of its predicted
    IoU: what a person loses at the first click.
    """
    shown = torch.softmax(predicted[:, AMBIGUOUS] / TEMPERATURE, dim=1)
    behind = actual[:, AMBIGUOUS].amax(dim=1, keepdim=True) - actual[:, AMBIGUOUS]
    return F.mse_loss(predicted, actual) + (shown * behind).sum(dim=1).mean()


def ranking_step(model: Sam, clicks: Clicks) -> Tensor:
    """The loss of some clicks, drawn by their weights; gradients for ``ranking_head`` alone."""
    drawn, decoder = clicks.drawn(AT_ONCE), model.mask_decoder
    if decoder.ranking is not None:
        looked = decoder.ranking.learned(drawn.tokens, drawn.predicted, drawn.covered)
        return ranking_loss(looked, drawn.iou)
    tokens = F.dropout(drawn.tokens[:, 0], TOKEN_DROPOUT)
    return ranking_loss(decoder.iou_prediction_head(tokens), drawn.iou)


def ranking_head(model: Sam) -> nn.Module:
    """What of a model learns by ranking."""
    decoder = model.mask_decoder
    return decoder.iou_prediction_head if decoder.ranking is None else decoder.ranking


def _middle(truth: Mask) -> Mask:
    """The points of an (h, w) object that are nearly as deep as its deepest."""
    depth, (left, top) = interior_distance(truth)
    middle = np.zeros_like(truth)
    height, width = depth.shape
    middle[top : top + height, left : left + width] = depth >= MIDDLE_DEPTH * depth.max()
    return middle & truth
