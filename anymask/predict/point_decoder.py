"""Points of one image, each a prompt of its own: embedded once, decoded some at a time.

Shape legend: P points, N masks, T tokens, M mask tokens, L image positions, C channels, h w
low-resolution grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from anymask.core.geometry import Floats, ResizeMap
from anymask.models.few_rows import ToldImage
from anymask.models.mask_decoder import MaskDecoder, PromptedImage
from anymask.models.prompt_encoder import PromptEmbedding
from anymask.models.two_way import ImagePositions
from anymask.predict.automatic import AutomaticConfig, Candidate
from anymask.predict.mask_runs_on_device import runs_and_stabilities

LOGITS = 4  # of a position, along each side


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
    ) -> Answers:
        """Decode points by their numbers, up to their predicted IoUs.

        window: the only positions of the image to attend to, instead of all.
        """
        shared, positions = window or (self.shared, self.positions)
        numbers = torch.tensor(points, device=shared.image.device)
        tokens, image = self.decoder.attend(shared, self.prompts[numbers], positions)
        iou = self.decoder.predicted_iou(tokens).float()
        passed = iou > pred_iou_thresh
        passed[:, 0] = False  # the token of clear prompts
        point_of_mask = numbers[torch.nonzero(passed)[:, 0]]
        return Answers(tokens, image, passed, point_of_mask, iou[passed])

    def exact(self, points: Sequence[int], config: AutomaticConfig) -> list[Candidate]:
        """The masks of points, by their numbers, that pass the thresholds."""
        with torch.inference_mode():
            answers = self.attend(points, config.pred_iou_thresh)
            rows = torch.nonzero(answers.passed.any(dim=1))[:, 0]
            if len(rows) == 0:
                return []
            masks = self.decoder.masks(
                answers.tokens[rows], answers.image[rows], answers.passed[rows], self._content()
            )
            candidates = self.candidates(
                answers.points, answers.predicted_iou, masks.float(), config
            )
        least = config.stability_score_thresh
        return [candidate for candidate in candidates if candidate.stability_score >= least]

    def _content(self) -> tuple[int, int]:
        """The rows and columns of positions that the image's pixels depend on.

        Bilinear: what lies in the padding, half a logit from the image and further, has no effect.
        """
        grid = math.isqrt(self.shared.image.shape[1])
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
