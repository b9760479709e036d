"""The box head: a detector's second stage, which looks into the boxes that the first proposes.

As in Faster R-CNN (arXiv 1506.01497), which the paper's data engine took (§4): a cell has to guess
from where it is, while the second stage has the whole box before it, and its surroundings. So it
says better how well the box fits an object, and where the object's sides are. Features are sampled
between cells, as by RoIAlign (arXiv 1703.06870, §3), once a bin.

Shape legend: R boxes, c channels of a map, h w its grid, S bins along a side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BINS = 7  # S
AROUND = 0.25  # of a box's sides, seen on each side of it
READ = 32  # channels of each map
HIDDEN = 128
FIRST_SCORE = -2.0  # the logit that a new head gives
MOST_MOVED = 2.0  # halves of a side, of a box's centre; and of the exponent of its sides


class Looked(NamedTuple):
    """What the head says of boxes: scores (R,) as logits; boxes_xyxy (R, 4), moved to fit."""

    scores: Tensor
    boxes_xyxy: Tensor


class BoxHead(nn.Module):
    """Two maps of one image and boxes in, a score and a better box of each out.

    channels: c of the two maps. image_px: side of the model's input, which the maps cover.
    """

    def __init__(self, channels: tuple[int, int], image_px: int) -> None:
        super().__init__()
        self.image_px = image_px
        self.read = nn.ModuleList(nn.Conv2d(count, READ, 1) for count in channels)
        self.hidden = nn.Sequential(
            nn.Linear(READ * len(channels) * BINS**2, HIDDEN, bias=False),
            nn.LayerNorm(HIDDEN),
            nn.SiLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.SiLU(),
        )
        self.answer = nn.Linear(HIDDEN, 5)
        nn.init.normal_(self.answer.weight, std=0.01)
        nn.init.zeros_(self.answer.bias)
        with torch.no_grad():
            self.answer.bias[0] = FIRST_SCORE

    def forward(self, maps: tuple[Tensor, Tensor], boxes_xyxy: Tensor) -> Looked:
        """maps: (1, c, h, w) each. boxes_xyxy: (R, 4), pixels of the model's input."""
        places = self._places(boxes_xyxy)
        sampled = [
            F.grid_sample(read(each.float()), places, align_corners=False)
            for read, each in zip(self.read, maps)
        ]
        each_box = torch.cat(sampled, 1)[0].unflatten(1, (len(boxes_xyxy), BINS)).transpose(0, 1)
        said = self.answer(self.hidden(each_box.flatten(1))).float()
        return Looked(said[:, 0], _moved(boxes_xyxy, said[:, 1:]))

    def _places(self, boxes_xyxy: Tensor) -> Tensor:
        """Where features are sampled: (1, R · S, S, 2), -1 to 1 over the input."""
        bins = torch.linspace(0.5, BINS - 0.5, BINS, device=boxes_xyxy.device) / BINS
        shares = (1 + 2 * AROUND) * bins - AROUND
        first, last = boxes_xyxy[:, None, :2], boxes_xyxy[:, None, 2:]
        x, y = (first + (last - first) * shares[:, None]).unbind(-1)  # (R, S) each
        grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), -1)
        return grid.flatten(0, 1)[None] * (2 / self.image_px) - 1


def _moved(boxes_xyxy: Tensor, moves: Tensor) -> Tensor:
    """Boxes with their centres moved by halves of their sides, and their sides by exponents."""
    first, last = boxes_xyxy.split(2, dim=-1)
    sides = (last - first).clamp(min=1)
    centre, exponent = moves.clamp(-MOST_MOVED, MOST_MOVED).split(2, dim=-1)
    middle, half = (first + last) / 2 + centre * sides / 2, sides * exponent.exp() / 2
    return torch.cat([middle - half, middle + half], -1)
