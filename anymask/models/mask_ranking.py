"""A second look at the masks of an ambiguous prompt: which of them is meant.

A click may mean the whole, a part, or a part of that (§3), and the decoder's predicted IoU guesses
before any mask is there. Here each mask is looked at once more: its token, and what the image
embedding says of all that the mask covers. The masks themselves stay as they are.

Shape legend: P prompts, M mask tokens, A = M - 1 of them for ambiguous prompts, B images, C
channels, L image positions, h w embedding grid, D hidden width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CELL = 4  # logits of a position, along each side
DROPOUT = 0.3  # of what is looked at, in training: people draw few objects
# What makes embeddings and IoUs vary as much as tokens do, so that all learn at one pace.
COVERED_SCALE, IOU_SCALE = 12.0, 6.0


class MaskRanking(nn.Module):
    """Corrects the predicted IoUs of the masks for ambiguous prompts: lone clicks."""

    def __init__(self, width: int, mask_tokens: int, hidden: int) -> None:
        super().__init__()
        several = mask_tokens - 1
        self.of_click = nn.Linear(width, hidden)  # the IoU token, which knows of the prompt
        self.of_iou = nn.Linear(mask_tokens + several + 1, hidden, bias=False)
        self.of_token = nn.Linear(width, hidden, bias=False)
        self.of_covered = nn.Linear(width, hidden, bias=False)
        self.which = nn.Parameter(torch.zeros(several, hidden))
        self.among = nn.Linear(2 * hidden, hidden)
        self.correction = nn.Linear(hidden, 1)
        nn.init.zeros_(self.correction.weight)  # at first the predicted IoUs stand
        nn.init.zeros_(self.correction.bias)

    def see(self, features: Tensor) -> Tensor:
        """What masks will be told of each position, once an image: (B, C, h, w) to (B, L, D)."""
        seen: Tensor = self.of_covered(COVERED_SCALE * features.flatten(2).mT)
        return seen

    def forward(self, tokens: Tensor, iou: Tensor, logits: Tensor, seen: Tensor) -> Tensor:
        """Predicted IoUs (P, M) after a second look; the first, for clear prompts, as it was.

        tokens: (P, 1 + M, C), the IoU token first; iou: (P, M), the decoder's; logits:
        (P, A, 4h, 4w), of the ambiguous masks; seen: (P or 1, L, D), of each prompt's image.
        """
        return self.compare(tokens, iou, averaged(seen, covers(logits)))

    def learned(self, tokens: Tensor, iou: Tensor, covered: Tensor) -> Tensor:
        """``forward`` in training, where what masks cover is kept: (P, A, C) of embeddings."""
        tokens, covered = (F.dropout(each, DROPOUT, self.training) for each in (tokens, covered))
        return self.compare(tokens, iou, self.of_covered(COVERED_SCALE * covered))

    def compare(self, tokens: Tensor, iou: Tensor, covered: Tensor) -> Tensor:
        """Predicted IoUs (P, M) by what is covered, (P, A, D)."""
        each = iou[:, 1:, None]
        ious = torch.cat([iou[:, None].expand(-1, each.shape[1], -1), each - each.mT, each], dim=2)
        of_mask = self.of_token(tokens[:, 2:]) + covered + self.of_iou(IOU_SCALE * ious)
        x = F.gelu(of_mask + self.of_click(tokens[:, :1]) + self.which)
        others = (x.sum(dim=1, keepdim=True) - x) / (x.shape[1] - 1)
        both = F.dropout(torch.cat([x, others], dim=2), DROPOUT, self.training)
        more = F.dropout(F.gelu(self.among(both)), DROPOUT, self.training)
        return torch.cat([iou[:, :1], iou[:, 1:] + self.correction(more)[..., 0]], dim=1)


def covers(logits: Tensor) -> Tensor:
    """How much of each position masks (P, A, 4h, 4w) cover: (P, A, L), 0 to 1."""
    return F.avg_pool2d(logits.sigmoid(), CELL).flatten(2)


def averaged(seen: Tensor, covered: Tensor) -> Tensor:
    """The mean of (P or 1, L, D) over what masks cover, (P, A, L): (P, A, D)."""
    return (covered @ seen) / (covered.sum(dim=2, keepdim=True) + 1e-3)
