"""A first look at many points, sharp near each and coarse elsewhere: the fast mode of everything.

Most points of a grid tell nothing new, but which ones is known only after decoding. So points are
first decoded against an eighth of the image's positions: all those around them, and every fourth in
each direction elsewhere, weighted in the attention by how many others it stands for. The predicted
IoUs that come out agree well with the exact ones, and a mask that ends within the sharp part is
nearly exact. Duplicates are found on these; what is left is taken as it is where it lies in the
sharp part and is far enough from every threshold, and otherwise its point is decoded again.

Shape legend: N points, K masks, L positions of a window, h w embedding grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anymask.core.geometry import Floats, ResizeMap, nms
from anymask.core.logits import MASK_THRESHOLD
from anymask.models.mask_decoder import logit_map
from anymask.predict.automatic import AutomaticConfig, Candidate
from anymask.predict.point_decoder import PointDecoder

# In cells of the embedding: the side of the tiles whose points share a window, how far the sharp
# part reaches beyond, and the step between positions of the coarse part.
TILE, MARGIN, STEP = 8, 4, 4
# How near to the end of the sharp part a mask may be that was cut by it: between the last of the
# four logits of a cell and the next cell's first lies where it ends.
RIM = 1 / 8
# How far below the thresholds a mask may be and still deserve an exact answer: predicted IoU and
# stability, of masks in the sharp part and of others.
SHARP_SLACK, COARSE_SLACK = (0.01, 0.01), (0.02, 0.05)
# A mask's stability before it is at full size is too low by up to this, if the mask is small.
SMALL_SLACK = 0.1
# How much more alike the boxes of duplicates must be than of exact masks: a glimpse is not exact.
NMS_SLACK = 0.1

Tile = tuple[int, int]
Map = Callable[[Callable[[Tile], list["Glimpse"]], Iterable[Tile]], Iterator[list["Glimpse"]]]


@dataclass(frozen=True)
class Window:
    """Which positions of an h × w embedding stand for all of it, seen from one tile.

    index: (L,) the positions.
    nearest: (h, w) which of the L stands for each position.
    inside: XYXY of the sharp part, where each stands for itself, in cells.
    """

    index: npt.NDArray[np.intp]
    nearest: npt.NDArray[np.intp]
    inside: tuple[int, int, int, int]

    def log_weight(self) -> npt.NDArray[np.float32]:
        """(L,) logarithm of how many positions each stands for."""
        counts = np.bincount(self.nearest.reshape(-1), minlength=len(self.index))
        return np.log(counts).astype(np.float32)

    def to_grid(self, logits: Tensor) -> Tensor:
        """Logits of the L positions (K, L·16) as masks (K, 4h, 4w)."""
        number = torch.arange(logits.shape[-1]).view(len(self.index), -1)
        where = logit_map(number[torch.from_numpy(self.nearest.reshape(-1))].flatten())
        return logits[:, where.flatten().to(logits.device)].view(-1, *where.shape)


@dataclass(frozen=True)
class Glimpse:
    """A mask of a first look; ``sharp``: it lies where all positions were looked at."""

    candidate: Candidate
    sharp: bool


@dataclass(frozen=True)
class FirstLook:
    """What a first look leaves: candidates that need no other, and points that do."""

    sure: list[Candidate]
    again: list[int]


def first_look(decoder: PointDecoder, config: AutomaticConfig, each: Map) -> FirstLook:
    """Look at all of the decoder's points; ``each``: ``map``, or what does its work in threads."""
    resize_map = decoder.resize_map
    grid = math.isqrt(decoder.shared.image.shape[1])
    tiles = _tiles(resize_map.to_input(decoder.points_xy) * (grid / resize_map.input_px))

    def look(tile: Tile) -> list[Glimpse]:
        window = _window(tile, grid)
        with torch.inference_mode():
            candidates = _candidates(decoder, tiles[tile], window, config)
        glimpses = (_glimpse(candidate, window, resize_map, config) for candidate in candidates)
        return [glimpse for glimpse in glimpses if glimpse is not None]

    return _sorted_out(list(chain.from_iterable(each(look, sorted(tiles)))), config)


def _tiles(cells_xy: Floats) -> dict[Tile, list[int]]:
    """The points of each tile: (row, column) to numbers."""
    tiles: dict[Tile, list[int]] = {}
    for number, (x, y) in enumerate((cells_xy // TILE).astype(int).tolist()):
        tiles.setdefault((y, x), []).append(number)
    return tiles


def _window(tile: Tile, grid: int) -> Window:
    """Everything within ``MARGIN`` of a tile, and every ``STEP``-th position elsewhere."""
    (top, left), (bottom, right) = (
        [min(max(side * TILE + more, 0), grid) for side in tile]
        for more in (-MARGIN, TILE + MARGIN)
    )
    sharp = np.zeros((grid, grid), dtype=bool)
    sharp[top:bottom, left:right] = True
    itself = np.arange(grid * grid).reshape(grid, grid)
    middles = np.minimum(np.arange(grid) // STEP * STEP + STEP // 2, grid - 1)
    index, nearest = np.unique(
        np.where(sharp, itself, itself[np.ix_(middles, middles)]), return_inverse=True
    )
    return Window(index, nearest.reshape(grid, grid), (left, top, right, bottom))


def _candidates(
    decoder: PointDecoder, points: list[int], window: Window, config: AutomaticConfig
) -> list[Candidate]:
    """The masks that points of one tile get at first look, less the hopeless ones."""
    device, dtype = decoder.shared.image.device, decoder.shared.image.dtype
    index = torch.from_numpy(window.index).to(device)
    weight = torch.from_numpy(window.log_weight()).to(device)
    visible = decoder.shared.some(index), decoder.positions.some(index, weight.to(dtype))
    answers = decoder.attend(points, config.pred_iou_thresh - COARSE_SLACK[0], visible)
    logits = decoder.decoder.position_logits(answers.tokens, answers.image, answers.passed).float()
    stability = _stability(logits, weight, config.stability_score_offset)
    stable = stability >= config.stability_score_thresh - SMALL_SLACK
    masks = window.to_grid(logits[stable])
    return decoder.candidates(answers.points[stable], answers.predicted_iou[stable], masks, config)


def _stability(logits: Tensor, log_weight: Tensor, offset: float) -> Tensor:
    """(K,) about the IoU of the masks at the threshold ± offset."""
    weight = log_weight.exp().repeat_interleave(logits.shape[1] // len(log_weight))
    smaller, larger = (
        (logits > MASK_THRESHOLD + sign * offset).float() @ weight for sign in (1, -1)
    )
    return smaller / larger.clamp(min=1)


def _glimpse(
    candidate: Candidate, window: Window, resize_map: ResizeMap, config: AutomaticConfig
) -> Glimpse | None:
    """A mask that may pass the filters."""
    sharp = _lies_within(window, candidate.runs.box_xyxy(), resize_map)
    iou_slack, stability_slack = SHARP_SLACK if sharp else COARSE_SLACK
    if (
        candidate.predicted_iou <= config.pred_iou_thresh - iou_slack
        or candidate.stability_score < config.stability_score_thresh - stability_slack
    ):
        return None
    return Glimpse(candidate, sharp)


def _lies_within(window: Window, box_xyxy: Floats, resize_map: ResizeMap) -> bool:
    """Whether all of a mask, by its box, was looked at sharply.

    One that reaches the end of the sharp part may go on beyond, where coarse logits say it does
    not: only at the image's own border is that known to be its end.
    """
    grid_to_input = resize_map.input_px / len(window.nearest)
    ends = np.array(resize_map.content_hw[::-1]) / grid_to_input
    half_px = np.array([[-0.5, -0.5], [0.5, 0.5]])
    low, high = resize_map.to_input(box_xyxy.reshape(2, 2) + half_px) / grid_to_input
    first, last = np.array(window.inside).reshape(2, 2)
    begins = (low > first + RIM) | (first == 0)
    stops = (high < last - RIM) | (last >= ends)
    return bool(begins.all() and stops.all())


def _sorted_out(glimpses: list[Glimpse], config: AutomaticConfig) -> FirstLook:
    """Drop duplicates, those that might fail a filter first, and judge what is left."""
    masks = [glimpse.candidate for glimpse in glimpses]
    sure = [
        mask.predicted_iou > config.pred_iou_thresh
        and mask.stability_score >= config.stability_score_thresh
        for mask in masks
    ]
    boxes = np.array([mask.runs.box_xyxy() for mask in masks], np.float32).reshape(-1, 4)
    rank = [mask.predicted_iou - (not certain) for mask, certain in zip(masks, sure)]
    kept = nms(boxes, np.array(rank), config.box_nms_thresh + NMS_SLACK)
    taken = [k for k in kept if sure[k] and glimpses[k].sharp]
    again = {masks[k].point for k in set(kept) - set(taken)}
    return FirstLook([masks[k] for k in taken], sorted(again))
