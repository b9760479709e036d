"""A first look at many points, sharp near each and coarse elsewhere: the fast mode of everything.

Most points of a grid tell nothing new, but which ones is known only after decoding. So points are
first decoded against an eighth of the image's positions: all those around them, and every fourth in
each direction elsewhere, weighted in the attention by how many others it stands for. The predicted
IoUs that come out agree well with the exact ones, and a mask that ends within the sharp part is
nearly exact. One logit of each position tells which masks are alike; only one of those gets all its
logits, and only where it lies. It is taken as it is where that is in the sharp part and far enough
from every threshold; otherwise its point is decoded again, and if its mask fails then, the point of
the next that was like it (docs/adr/0007).

Shape legend: P points, K masks, M mask tokens, L positions of a window, h w embedding grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from anymask.core.geometry import Floats, ResizeMap, box_iou, mask_boxes
from anymask.core.logits import MASK_THRESHOLD
from anymask.predict.automatic import AutomaticConfig, Candidate
from anymask.predict.point_decoder import (
    FEW,
    REACH,
    Answers,
    PointDecoder,
    grid_of_logits,
    put_logits,
)
from anymask.predict.window import TILE, Numbers, Tile, Window

# How far below the thresholds a mask may be and still deserve an exact answer: predicted IoU and
# stability, of masks in the sharp part and of others.
SHARP_SLACK, COARSE_SLACK = (0.01, 0.01), (0.02, 0.05)
# How much more alike the boxes of duplicates must be than of exact masks: a glimpse is not exact.
NMS_SLACK = 0.1
# Masks of one box that overlap less than this are two.
SAME_BOX_IOU = 0.5
# How alike masks of one tile are, by one logit of each position, that are one mask; and of so many
# positions at least.
ALIKE, FEWEST = 0.85, 8
# Of masks that were alike, how many are tried until one passes exactly, and how far below the
# threshold of stability, by one logit of each position, those may be that were not first.
TRIES, OTHERS_SLACK = 8, 0.02
LAST = 100.0  # more than predicted IoUs differ

Bools = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@dataclass(frozen=True, eq=False)
class Glimpse:
    """A mask of a first look: of a point, by which of its mask tokens.

    certain: it passes the filters. seen: (h·w,) which positions it has, by one logit of each.
    candidate: the mask itself, if it lies where all positions were looked at. others: masks that
    were like it, and ranked below.
    """

    point: int
    token: int
    predicted_iou: float
    stability: float
    certain: bool
    box_xyxy: Floats
    seen: Bools
    candidate: Candidate | None = None
    others: list[Glimpse] = field(default_factory=list)

    @property
    def rank(self) -> float:
        """Those that might fail a filter come last."""
        return self.predicted_iou - LAST * (not self.certain)

    @property
    def is_sure(self) -> bool:
        """Whether it needs no other answer."""
        return self.certain and self.candidate is not None

    def in_turn(self) -> list[Glimpse]:
        """It and the others, the most stable first: those that fail, fail by that."""
        return [self, *sorted(self.others, key=lambda other: -other.stability)][:TRIES]


@dataclass(frozen=True)
class FirstLook:
    """What a first look leaves: candidates that need no other, and masks whose points do."""

    sure: list[Candidate]
    again: list[Glimpse]


def first_look(decoder: PointDecoder, config: AutomaticConfig, each: Map) -> FirstLook:
    """Look at all of the decoder's points; ``each``: ``map``, or what does its work in threads."""
    grid = decoder.shared_grid()
    tiles = _tiles(decoder.cells_xy)

    def look(tile: Tile) -> list[Glimpse]:
        with torch.inference_mode():
            return _Tile(decoder, tiles[tile], Window.of(tile, grid), config).glimpses()

    return _sorted_out(list(chain.from_iterable(each(look, sorted(tiles)))), config)


def look_again(
    decoder: PointDecoder, look: FirstLook, config: AutomaticConfig, each: Map, at_once: int
) -> Iterator[Candidate]:
    """Nearly exact answers for what a first look left open; at_once: points.

    Where the mask that stood for others fails, the next of them gets its turn.
    """
    waiting = [glimpse.in_turn() for glimpse in look.again]
    passed: dict[int, set[int]] = {}
    while waiting:
        points = sorted({masks[0].point for masks in waiting} - set(passed))
        batches = [points[i : i + at_once] for i in range(0, len(points), at_once)]
        passed |= {point: set() for point in points}
        for answers in each(lambda batch: decoder.nearly_exact(batch, config), batches):
            for token, mask in answers:
                passed[mask.point].add(token)
                yield mask
        failed = (masks[1:] for masks in waiting if masks[0].token not in passed[masks[0].point])
        waiting = [masks for masks in failed if masks]


def _tiles(cells_xy: Numbers) -> dict[Tile, list[int]]:
    """The points of each tile: (row, column) to numbers."""
    tiles: dict[Tile, list[int]] = {}
    for number, (x, y) in enumerate((cells_xy // TILE).tolist()):
        tiles.setdefault((y, x), []).append(number)
    return tiles


class _Tile:
    """The points of one tile, answered from its window.

    hyper, image: of those points that got a mask at all. which: (K, 2) row in these and token of
    each mask. samples: (K, L), one logit of each position.
    """

    def __init__(
        self, decoder: PointDecoder, points: list[int], window: Window, config: AutomaticConfig
    ) -> None:
        self.decoder, self.window, self.config = decoder, window, config
        answers = self._answers(points)
        rows = answers.passed.any(dim=1).nonzero()[:, 0]
        passed = answers.passed[rows]
        self.points = answers.points.tolist()
        self.predicted_iou = answers.predicted_iou.tolist()
        self.which = passed.nonzero().tolist()
        self.hyper = decoder.decoder.hyper(answers.tokens[rows])
        self.image = answers.image[rows]
        samples = decoder.decoder.samples(self.hyper, self.image)[passed].float()
        self.samples: Floats = samples.cpu().numpy()

    def _answers(self, points: list[int]) -> Answers:
        shared, positions = self.decoder.shared, self.decoder.positions
        index = torch.from_numpy(self.window.index).to(shared.image.device)
        weight = torch.from_numpy(self.window.log_weight()).to(shared.image)
        visible = shared.some(index), positions.some(index, weight)
        return self.decoder.attend(
            points, self.config.pred_iou_thresh - COARSE_SLACK[0], visible, hasty=True
        )

    def glimpses(self) -> list[Glimpse]:
        """The masks that may pass the filters, each once."""
        if not self.which:
            return []
        offset, least = self.config.stability_score_offset, self.config.stability_score_thresh
        weight = self.window.weight(*self._content())
        smaller, larger = (
            _product(self.samples > MASK_THRESHOLD + sign * offset, weight) for sign in (1, -1)
        )
        self.stability = smaller / np.maximum(larger, 1)
        above = self.samples > MASK_THRESHOLD
        predicted = np.array(self.predicted_iou)
        stable = (self.stability >= least) | (larger < FEW)
        certain = (predicted > self.config.pred_iou_thresh) & stable
        rank = predicted - LAST * ~certain
        found = []
        for alike in _alike(
            above, weight, rank, max(ALIKE, self.config.box_nms_thresh + NMS_SLACK)
        ):
            glimpse = self._best(alike)
            if glimpse is not None:
                found.append(glimpse)
        return found

    def _content(self) -> tuple[int, int]:
        cell = self.decoder.resize_map.input_px / len(self.window.nearest)
        h, w = (math.ceil(side / cell) for side in self.decoder.resize_map.content_hw)
        return h, w

    def _best(self, alike: list[int]) -> Glimpse | None:
        """Of masks that are alike the first that passes, else the first that may."""
        best, last = None, 0
        for turn, number in enumerate(alike[:TRIES]):
            mask = self._sharp(number)
            if mask is None:
                glimpse = self._coarse(number, COARSE_SLACK[1])
            else:
                glimpse = self._glimpse(number, mask.stability_score, SHARP_SLACK, mask)
            if glimpse is not None and (best is None or glimpse.is_sure):
                best, last = glimpse, turn
            if best is not None and (best.certain or best.candidate is None):
                break
        if best is not None and not best.is_sure:
            others = (self._coarse(other, OTHERS_SLACK) for other in alike[last + 1 :])
            best.others.extend(other for other in others if other is not None)
        return best

    def _sharp(self, number: int) -> Candidate | None:
        """The mask at full size, if all of it was looked at sharply."""
        window, samples = self.window, self.samples[number]
        if not window.holds(samples > MASK_THRESHOLD):
            return None
        left, top, _, _ = window.inside
        near = samples[window.sharp] > MASK_THRESHOLD - REACH
        column, line = self.decoder.cell_of(self.points[number])
        near[_around(line - top), _around(column - left)] = True  # a mask may be less than a cell
        y, x = np.nonzero(cv2.dilate(near.astype(np.uint8), np.ones((3, 3), np.uint8)))
        row, token = self.which[number]
        index = torch.from_numpy(window.sharp[y, x]).to(self.hyper.device)
        hyper = self.hyper[row, token : token + 1]
        logits = self.decoder.decoder.logits_at(hyper, self.image, row, index).float()
        grid = self.decoder.shared_grid()
        masks = grid_of_logits(logits.new_empty(1, 0, 0), grid)
        put_logits(masks, logits, torch.from_numpy(top + y), torch.from_numpy(left + x))
        (candidate,) = self.decoder.candidates(
            torch.tensor([self.points[number]]),
            torch.tensor([self.predicted_iou[number]]),
            masks.flatten(1, 2).flatten(2),
            self.config,
        )
        box = candidate.runs.box_xyxy()
        return candidate if window.lies_within(box, self.decoder.resize_map) else None

    def _glimpse(
        self, number: int, stability: float, slack: tuple[float, float], mask: Candidate | None
    ) -> Glimpse | None:
        """A mask that may pass the filters; slack: how far below the thresholds it may be."""
        predicted_iou = self.predicted_iou[number]
        over = (
            predicted_iou - self.config.pred_iou_thresh,
            stability - self.config.stability_score_thresh,
        )
        seen = self._seen(number)
        if over[0] <= -slack[0] or over[1] < -slack[1] or (mask is None and not seen.any()):
            return None
        if mask is None:
            box = _box_px(seen.reshape(self.window.nearest.shape), self.decoder.resize_map)
        else:
            box = mask.runs.box_xyxy()
        return Glimpse(
            self.points[number],
            self.which[number][1],
            predicted_iou,
            stability,
            over[0] > 0 and over[1] >= 0,
            box,
            seen,
            mask,
        )

    def _coarse(self, number: int, slack: float) -> Glimpse | None:
        """By one logit of each position; slack: of its stability."""
        stability = float(self.stability[number])
        return self._glimpse(number, stability, (COARSE_SLACK[0], slack), None)

    def _seen(self, number: int) -> Bools:
        h, w = self._content()
        grid = self.window.to_grid(self.samples[number : number + 1] > MASK_THRESHOLD)[0]
        grid[h:] = grid[:, w:] = False
        return np.asarray(grid.reshape(-1))


def _product(one: Array, other: Array) -> Floats:
    """A matrix product by torch, which keeps to the thread that asks.

    NumPy's would wake threads of its own from each of ours, and they go on waiting busily.
    """
    factors = (torch.from_numpy(np.asarray(factor, np.float32)) for factor in (one, other))
    return np.asarray(torch.matmul(*factors), np.float32)


def _around(cell: int) -> slice:
    return slice(max(cell - 1, 0), cell + 2)


def _box_px(grid: Bools, resize_map: ResizeMap) -> Floats:
    """XYXY of (h, w) cells, in the image's pixels."""
    cell = resize_map.input_px / len(grid)
    corners = resize_map.to_image(mask_boxes(grid).reshape(2, 2) * cell)
    limits = np.array(resize_map.image_hw[::-1], np.float32)
    return np.clip(corners, 0, limits).reshape(4).astype(np.float32)


def _alike(above: Bools, weight: Floats, rank: Floats, least: float) -> list[list[int]]:
    """Masks (K, L) that overlap by more than ``least``, by their numbers, the best first."""
    shared = _product(above * weight, above.T)
    areas = shared.diagonal()
    overlap = shared / np.maximum(areas[:, None] + areas - shared, 1)
    overlap[areas < FEWEST] = 0
    waiting = np.argsort(-rank, kind="stable")
    groups = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        is_copy = overlap[best, waiting] > least
        groups.append([int(best), *waiting[is_copy].tolist()])
        waiting = waiting[~is_copy]
    return groups


def _sorted_out(glimpses: Sequence[Glimpse], config: AutomaticConfig) -> FirstLook:
    """Drop duplicates, those that might fail a filter first, and judge what is left."""
    boxes = np.array([glimpse.box_xyxy for glimpse in glimpses], np.float32).reshape(-1, 4)
    seen = np.array([glimpse.seen for glimpse in glimpses], bool)
    areas = seen.sum(axis=1) if len(seen) else np.zeros(0)
    waiting = np.argsort([-glimpse.rank for glimpse in glimpses], kind="stable")
    look = FirstLook([], [])
    while len(waiting):
        number, waiting = waiting[0], waiting[1:]
        best = glimpses[number]
        overlap = box_iou(best.box_xyxy[None], boxes[waiting])[0]
        is_copy = overlap > config.box_nms_thresh + NMS_SLACK
        near = waiting[is_copy]
        shared = (seen[near] & seen[number]).sum(axis=1)
        both = areas[number] + areas[near] - shared
        is_copy[is_copy] = (shared > SAME_BOX_IOU * both) | (both < FEWEST)
        if best.candidate is not None and best.certain:
            look.sure.append(best.candidate)
        else:
            least = config.stability_score_thresh - OTHERS_SLACK
            for other in (glimpses[k] for k in waiting[is_copy]):
                copies = (copy for copy in [other, *other.others] if copy.stability >= least)
                best.others.extend(copies)
            look.again.append(best)
        waiting = waiting[~is_copy]
    return look
