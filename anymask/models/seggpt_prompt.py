"""A prompt for SegGPT that was learned: the context of one task (arXiv 2304.03284, §3.3, in-context
tuning). It stands where an example and its target would, and is no picture of anything.

Shape legend: H W pixels of one image, an example's or a query's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class SegGPTPromptConfig:
    """model_id: of the SegGPT that it is for, and no other. image_hw: H, W. labels: the names of
    labels 1, 2, … is_instance: whether the SegGPT is told that colours tell objects apart.
    """

    model_id: str
    image_hw: tuple[int, int]
    labels: tuple[str, ...]
    is_instance: bool = False


class SegGPTPrompt(nn.Module):
    """image, target: (1, 3, H, W), in the SegGPT's numbers: normalised."""

    def __init__(self, config: SegGPTPromptConfig) -> None:
        super().__init__()
        self.config = config
        self.image = nn.Parameter(torch.zeros(1, 3, *config.image_hw))
        self.target = nn.Parameter(torch.zeros(1, 3, *config.image_hw))
