"""Points of one image, each a prompt of its own: embedded once, decoded some at a time.

Shape legend: P points, N masks, T tokens, M mask tokens, L image positions, C channels, h w
low-resolution grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.core.geometry import Floats, ResizeMap
from anymask.core.logits import MASK_THRESHOLD
from anymask.models.few_rows.two_way import ToldImage
from anymask.models.mask_decoder import BESIDE, MaskDecoder, PromptedImage
from anymask.models.prompt_encoder import PromptEmbedding
from anymask.models.two_way import ImagePositions
from anymask.predict.automatic import AutomaticConfig, Candidate
from anymask.predict.mask_runs_on_device import runs_and_stabilities
from anymask.predict.window import Numbers

LOGITS = 4  # of a position, along each side
# How far from the threshold a position's one logit may be while its neighbours are on the other
# side of it, or its own others are.
REACH = 4.0
FEW = 50  # positions of which one logit each does not tell how stable a mask is


@dataclass(frozen=True)
class Answers:
    """What the transformer says about P points, before any mask is made.

    tokens: (P, 1 + M, C); image: (P, L, C), or as sums; passed: (P, M), the masks of enough
    predicted IoU; points, predicted_iou: (N,) of these masks, in their order.
    """

    tokens: Tensor
    image: Tensor | ToldImage
    passed: Tensor
    points: Tensor
    predicted_iou: Tensor


@dataclass(frozen=True)
class PointDecoder:
    """Points of one image, each a prompt of its own, and the part of the model that answers.

    points_xy: (P, 2) in pixels of the image; prompts: the same, embedded.
    """

    decoder: MaskDecoder
    shared: PromptedImage
    positions: ImagePositions
    prompts: PromptEmbedding
    points_xy: Floats
    resize_map: ResizeMap

    def attend(
        self,
        points: Sequence[int],
        pred_iou_thresh: float,
        window: tuple[PromptedImage, ImagePositions] | None = None,
        hasty: bool = False,
    ) -> Answers:
        """Decode points by their numbers, up to their predicted IoUs.

        window: the only positions of the image to attend to, instead of all; hasty: for a first
        look.
        """
        shared, positions = window or (self.shared, self.positions)
        numbers = torch.tensor(points, device=shared.image.device)
        tokens, image = self.decoder.attend(shared, self.prompts[numbers], positions, hasty)
        iou = self.decoder.predicted_iou(tokens).float()
        passed = iou > pred_iou_thresh
        passed[:, 0] = False  # the token of clear prompts
        point_of_mask = numbers[torch.nonzero(passed)[:, 0]]
        return Answers(tokens, image, passed, point_of_mask, iou[passed])

    def exact(self, points: Sequence[int], config: AutomaticConfig) -> list[Candidate]:
        """The masks of points, by their numbers, that pass the thresholds."""
        with torch.inference_mode():
            answers = self.attend(points, config.pred_iou_thresh)
            passed = torch.nonzero(answers.passed.any(dim=1))[:, 0]
            if len(passed) == 0:
                return []
            rows = _without_copies(passed)
            masks = self.decoder.masks(
                answers.tokens[rows], answers.image[rows], answers.passed[rows], self._content()
            )
            candidates = self.candidates(
                answers.points, answers.predicted_iou, masks.float(), config
            )
        return [
            mask for mask in candidates if mask.stability_score >= config.stability_score_thresh
        ]

    def nearly_exact(
        self, points: Sequence[int], config: AutomaticConfig
    ) -> list[tuple[int, Candidate]]:
        """``exact`` of all but the insides of masks, each with the number of its mask token.

        A position whose neighbours all lie on one side of the mask's border gets one logit, not
        sixteen; a mask that is not stable by those gets no other.
        """
        with torch.inference_mode():
            answers = self.attend(points, config.pred_iou_thresh)
            found = []
            for row in torch.nonzero(answers.passed.any(dim=1))[:, 0]:
                found += self._outlined(answers, int(row), config)
        return found

    def _outlined(
        self, answers: Answers, row: int, config: AutomaticConfig
    ) -> list[tuple[int, Candidate]]:
        """``nearly_exact`` of one point."""
        image, (h, w) = self._within_content(answers.image[row : row + 1])
        hyper = self.decoder.hyper(answers.tokens[row : row + 1])
        samples = self.decoder.samples(hyper, image)[0].float().unflatten(-1, (h, w))
        chosen = answers.passed[row] & self._stable(samples, config)
        tokens = torch.nonzero(chosen)[:, 0]
        if len(tokens) == 0:
            return []
        first = int(answers.passed[:row].sum())
        offsets = first + torch.cumsum(answers.passed[row], 0)[tokens] - 1
        samples = samples[tokens]
        near = _near_border(samples)
        column, line = self.cell_of(int(answers.points[first]))
        near[max(line - 2, 0) : line + 3, max(column - 2, 0) : column + 3] = (
            True  # masks smaller than a cell
        )
        y, x = torch.nonzero(near, as_tuple=True)
        logits = self.decoder.logits_at(hyper[0, tokens], image, 0, y * w + x)
        masks = grid_of_logits(samples, self.shared_grid())
        put_logits(masks, logits.float(), y, x)
        candidates = self.candidates(
            answers.points[offsets],
            answers.predicted_iou[offsets],
            masks.flatten(1, 2).flatten(2),
            config,
        )
        least = config.stability_score_thresh
        return [
            (token, candidate)
            for token, candidate in zip(tokens.tolist(), candidates)
            if candidate.stability_score >= least
        ]

    def _stable(self, samples: Tensor, config: AutomaticConfig) -> Tensor:
        """Which of (M, h, w) masks may be stable, by one logit of each position."""
        smaller, larger = (
            (samples > MASK_THRESHOLD + sign * config.stability_score_offset).sum(dim=(1, 2))
            for sign in (1, -1)
        )
        slack = larger.clamp(min=1).rsqrt()
        stable = smaller / larger.clamp(min=1) >= config.stability_score_thresh - slack
        return stable | (larger < FEW)

    def _within_content(
        self, image: Tensor | ToldImage
    ) -> tuple[Tensor | ToldImage, tuple[int, int]]:
        """The image after ``attend`` where somebody looks at it, and its rows and columns."""
        h, w = self._content()
        if isinstance(image, ToldImage):
            return image.within(h, w), (h, w)
        grid = self.shared_grid()
        return image.unflatten(1, (grid, grid))[:, :h, :w].flatten(1, 2), (h, w)

    @cached_property
    def cells_xy(self) -> Numbers:
        """(P, 2) the position that each point lies in, as column and row."""
        grid = self.shared_grid()
        cells = self.resize_map.to_input(self.points_xy) * (grid / self.resize_map.input_px)
        return np.clip(cells.astype(np.intp), 0, grid - 1)

    def cell_of(self, point: int) -> tuple[int, int]:
        """One of ``cells_xy``."""
        x, y = self.cells_xy[point].tolist()
        return x, y

    def shared_grid(self) -> int:
        """The side of the embedding."""
        return math.isqrt(self.shared.image.shape[1])

    def _content(self) -> tuple[int, int]:
        """The rows and columns of positions that the image's pixels depend on.

        Bilinear: what lies in the padding, half a logit from the image and further, has no effect.
        """
        grid = self.shared_grid()
        position = self.resize_map.input_px / grid
        h, w = (
            min(grid, int((side / position * LOGITS + 0.5) // LOGITS) + 1)
            for side in self.resize_map.content_hw
        )
        return h, w

    def candidates(
        self, points: Tensor, predicted_iou: Tensor, masks: Tensor, config: AutomaticConfig
    ) -> list[Candidate]:
        """(N, h, w) logits at full size: of (N,) points, with (N,) predicted IoUs."""
        full_size = runs_and_stabilities(masks, self.resize_map, config.stability_score_offset)
        return [
            Candidate(point, score, stability, runs)
            for point, score, (runs, stability) in zip(
                points.tolist(), predicted_iou.tolist(), full_size
            )
        ]


def _without_copies(rows: Tensor) -> Tensor | slice:
    """Rows in rising order as a slice, where they follow each other: that copies nothing."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def grid_of_logits(samples: Tensor, grid: int) -> Tensor:
    """(K, h, w) logits, one of each position, as (K, grid, 4, grid, 4), ``BESIDE`` beyond them."""
    k, h, w = samples.shape
    masks = samples.new_full((k, grid, LOGITS, grid, LOGITS), BESIDE)
    masks[:, :h, :, :w] = samples[:, :, None, :, None]
    return masks


def put_logits(masks: Tensor, logits: Tensor, y: Tensor, x: Tensor) -> None:
    """Put all logits (K, n, 16) of some positions into ``grid_of_logits``."""
    cells = torch.unflatten(logits, -1, (2, 2, 2, 2)).transpose(-3, -2).flatten(-2).flatten(-3, -2)
    masks[:, y, :, x] = cells.transpose(0, 1)


def _near_border(samples: Tensor) -> Tensor:
    """(h, w), where any of (K, h, w) masks may have a border."""
    x = samples - MASK_THRESHOLD
    high, low = (F.max_pool2d(sign * x[:, None], 3, stride=1, padding=1) for sign in (1, -1))
    return ((high > -REACH) & (low > -REACH)).any(dim=0)[0]
