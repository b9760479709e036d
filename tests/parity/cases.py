"""Prompts of every kind, as the official code takes them and as ours does.

Shape legend: P prompts, N points, h w low-resolution grid, S side of the model's input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from anymask.models.prompt_encoder import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, PromptBatch


@dataclass(frozen=True)
class Case:
    """P prompts: coords (P, N, 2), labels (P, N), boxes (P, 4), masks (P, 1, h, w)."""

    coords: Tensor | None = None
    labels: Tensor | None = None
    boxes: Tensor | None = None
    masks: Tensor | None = None

    def __len__(self) -> int:
        given = next((x for x in (self.coords, self.boxes, self.masks) if x is not None), None)
        return 1 if given is None else len(given)

    def official(self) -> dict[str, Any]:
        """The arguments of the official ``PromptEncoder``."""
        points = None if self.coords is None else (self.coords, self.labels)
        return {"points": points, "boxes": self.boxes, "masks": self.masks}

    def ours(self, image: int = 0) -> PromptBatch:
        """The same for our model, all about one image."""
        coords, labels = [torch.zeros(len(self), 0, 2)], [torch.zeros(len(self), 0)]
        if self.coords is not None and self.labels is not None:
            coords.append(self.coords)
            labels.append(self.labels.float())
        if self.boxes is not None:
            coords.append(self.boxes.view(-1, 2, 2))
            corners = torch.tensor([[BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]])
            labels.append(corners.expand(len(self), 2).float())
        return PromptBatch(
            torch.cat(coords, dim=1),
            torch.cat(labels, dim=1).long(),
            torch.full((len(self),), image),
            self.masks,
        )


@dataclass(frozen=True)
class Kind:
    """What each prompt of a case consists of."""

    prompts: int = 1
    points: int = 0
    box: bool = False
    mask: bool = False


KINDS = {
    "one point": Kind(points=1),
    "five points": Kind(points=5),
    "a box": Kind(box=True),
    "a box and points": Kind(points=3, box=True),
    "a mask alone": Kind(mask=True),
    "a point and a mask": Kind(points=1, mask=True),
    "a box, points and a mask": Kind(points=2, box=True, mask=True),
    "seven points": Kind(prompts=7, points=1),
    "seven boxes": Kind(prompts=7, box=True),
    "seven of everything": Kind(prompts=7, points=4, box=True, mask=True),
    "nothing": Kind(),
}


def make_case(kind: Kind, image_px: int, seed: int = 0) -> Case:
    """Random prompts of a kind for a model of ``image_px``."""
    generator = torch.Generator().manual_seed(seed)
    shape = (kind.prompts, kind.points)
    coords = torch.rand(*shape, 2, generator=generator) * image_px
    labels = torch.randint(0, 2, shape, generator=generator)
    corners = (torch.rand(kind.prompts, 2, 2, generator=generator) * image_px).sort(dim=1).values
    side = image_px // 4
    masks = 3 * torch.randn(kind.prompts, 1, side, side, generator=generator)
    return Case(
        coords if kind.points else None,
        labels if kind.points else None,
        corners.reshape(-1, 4) if kind.box else None,
        masks if kind.mask else None,
    )
