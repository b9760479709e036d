"""The object detector: boxes of objects of one class, "object", over SAM's embedding (§4).

The data engine's second stage fills in masks for the boxes of a detector that was trained on all
masks of the first, with one category. The paper took a Faster R-CNN over the photograph; this is a
small head without anchors, in the manner of FCOS (arXiv 1904.01355), over the embedding that is
computed anyway. A cell says how well its box fits an object (the joint score of Generalized Focal
Loss, arXiv 2006.04388), and how far the box's sides are from the cell's centre. A second stage
looks into the surest boxes (``box_head``).

Shape legend: B images, C channels of the embedding, c channels of the head, h w grid of a level,
N cells of all levels, finest level first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.box_head import BoxHead, Looked

RARE = 0.01  # of cells are of an object: the first score of every cell (arXiv 1708.02002, §3.3)
REACH = 2.0  # strides from a cell's centre to each side of its first box
LONGEST = 4.0  # of an exponent: no box reaches further than e⁴ times as far as the first
GROUPS = 8  # of channels that are normalised together


@dataclass(frozen=True)
class DetectorConfig:
    """What fixes the shapes, and whose embeddings are read.

    embeddings: ``model_id`` of the model that makes them. width, grid: of the embedding, C and its
    side; image_px: side of that model's input. channels: c. blocks: of the trunk. coarser: how many
    levels have larger cells than the embedding; one has smaller ones.
    """

    embeddings: str
    width: int = 256
    grid: int = 64
    image_px: int = 1024
    channels: int = 64
    blocks: int = 2
    coarser: int = 3

    @property
    def grids(self) -> tuple[int, ...]:
        """The side of each level's grid, finest first."""
        return tuple(self.grid * 2 // 2**level for level in range(self.coarser + 2))


class Guesses(NamedTuple):
    """What every cell says: scores (B, N) as logits; boxes_xyxy (B, N, 4), pixels of the input.

    maps: (B, c/2, 2 grid, 2 grid) and (B, c, grid, grid), what the second stage reads.
    """

    scores: Tensor
    boxes_xyxy: Tensor
    maps: tuple[Tensor, Tensor]


class Cells(NamedTuple):
    """Where cells are: centres_xy (N, 2) and stride_px (N,), in pixels of the model's input."""

    centres_xy: Tensor
    stride_px: Tensor


class Residual(nn.Module):
    """A 3×3 convolution with what came in added to it: c channels in, c out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = _convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv(x)
        return out


class ObjectDetector(nn.Module):
    """Embeddings in, a score and a box of every cell out."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        channels, fine = config.channels, config.channels // 2
        self.stem = nn.Sequential(
            nn.Conv2d(config.width, channels, 1, bias=False),
            nn.GroupNorm(GROUPS, channels),
            nn.SiLU(),
        )
        self.trunk = nn.Sequential(*(Residual(channels) for _ in range(config.blocks)))
        self.finer = nn.Sequential(nn.Conv2d(channels, 4 * fine, 1), nn.PixelShuffle(2))
        self.fine_tower = nn.Sequential(
            nn.GroupNorm(GROUPS, fine),
            nn.SiLU(),
            nn.Conv2d(fine, fine, 3, padding=1, groups=fine),
            nn.Conv2d(fine, fine, 1, bias=False),
            nn.GroupNorm(GROUPS, fine),
            nn.SiLU(),
        )
        self.coarser = nn.ModuleList(
            nn.Sequential(_convolution(channels, channels, stride=2), Residual(channels))
            for _ in range(config.coarser)
        )
        self.tower = Residual(channels)
        widths = [fine] + [channels] * (config.coarser + 1)
        self.answers = nn.ModuleList(_answer(width) for width in widths)
        self.head = BoxHead((fine, channels), config.image_px)

    def forward(self, features: Tensor) -> Guesses:
        """Embeddings (B, C, grid, grid) to what all N cells say."""
        pyramid = [self.trunk(self.stem(features))]  # (B, c, grid, grid), then ever coarser
        for coarser in self.coarser:
            pyramid.append(coarser(pyramid[-1]))
        # Back down: what a large cell has seen around it, its small ones know, too (FPN, arXiv
        # 1612.03144).
        for finer in reversed(range(len(pyramid) - 1)):
            hw = pyramid[finer].shape[2:]
            pyramid[finer] = pyramid[finer] + F.interpolate(pyramid[finer + 1], size=hw)
        maps = [self.fine_tower(self.finer(pyramid[0])), *map(self.tower, pyramid)]
        levels = [answer(level).flatten(2) for answer, level in zip(self.answers, maps)]
        said = torch.cat(levels, 2).transpose(1, 2)  # (B, N, 5)
        boxes = _boxes(said[..., 1:], self.cells(said.device))
        return Guesses(said[..., 0], boxes, (maps[0], maps[1]))

    def look(self, guesses: Guesses, image: int, boxes_xyxy: Tensor) -> Looked:
        """The second stage: boxes (R, 4) of one of the B images, pixels of the model's input."""
        fine, middle = (each[image : image + 1] for each in guesses.maps)
        looked: Looked = self.head((fine, middle), boxes_xyxy)
        return looked

    def cells(self, device: torch.device | None = None) -> Cells:
        """Where the N cells are."""
        centres, strides = [], []
        for grid in self.config.grids:
            stride = self.config.image_px / grid
            places = (torch.arange(grid, device=device) + 0.5) * stride
            y, x = torch.meshgrid(places, places, indexing="ij")
            centres.append(torch.stack([x, y], -1).flatten(0, 1))
            strides.append(torch.full((grid * grid,), stride, device=device))
        return Cells(torch.cat(centres), torch.cat(strides))


def _boxes(distances: Tensor, cells: Cells) -> Tensor:
    """Left, top, right and bottom distances (B, N, 4), as exponents, to XYXY boxes."""
    reach = REACH * cells.stride_px[:, None] * distances.clamp(max=LONGEST).exp()
    left_top, right_bottom = reach.split(2, dim=-1)
    return torch.cat([cells.centres_xy - left_top, cells.centres_xy + right_bottom], -1)


def _convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(GROUPS, channels_out),
        nn.SiLU(),
    )


def _answer(channels: int) -> nn.Conv2d:
    """Five numbers of each cell: a score, and four distances that start at ``REACH``."""
    answer = nn.Conv2d(channels, 5, 1)
    nn.init.normal_(answer.weight, std=0.01)
    bias = torch.zeros(5)
    bias[0] = -math.log((1 - RARE) / RARE)
    answer.bias = nn.Parameter(bias)
    return answer
