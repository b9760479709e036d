"""Text: embeddings of pictures or words as prompt tokens (*Segment Anything*, §7.5, §D.5).

Shape legend: P prompts, d numbers of an embedding, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TextConfig:
    """Which embeddings a model takes as prompts.

    width: numbers of each. space: the name of what embeds; others' numbers mean other things.
    """

    width: int
    space: str = ""


class TextProjection(nn.Module):
    """An embedding, which has learned from pictures that say the same as words, to a token."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.width = width
        self.linear = nn.Linear(width, channels)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Tokens (P, 1, C) of (P, d) embeddings of any length: their direction alone counts.

        What the layer reads has numbers of about 1, as those of other tokens are.
        """
        weight = self.linear.weight
        told = F.normalize(embeddings.to(weight.dtype), dim=-1) * math.sqrt(self.width)
        token: Tensor = self.linear(told)
        return token[:, None]
