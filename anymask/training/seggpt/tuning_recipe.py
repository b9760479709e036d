"""The recipe of a SegGPT's prompt: the fields of every family, and those of in-context tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from anymask.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class PromptRecipe(Recipe):
    """How to tune a prompt for one task (§3.3): ``weights`` is the SegGPT, of which nothing learns.

    Fields of every family: ``training.recipe.Recipe``.

    groups: the names of what is to be segmented, labels 1, 2, … in their order; () for all that the
    data shows, by name. Masks without a group are one thing together. flip: how often an image is
    mirrored. scales: of its area that a random cut takes.
    """

    family: ClassVar[str] = "seggpt-prompt"

    name: str = "seggpt_prompt"
    steps: int = 200
    lr: float = 0.05
    warmup_steps: int = 5
    batch: int = 2
    images_per_pass: int = 1
    ema: float = 0.9
    holdout: float = 0.25
    validate_every: int = 50
    save_every: int = 50
    validation_images: int = 32

    groups: tuple[str, ...] = ()
    flip: float = 0.5
    scales: tuple[float, float] = (0.5, 1.0)

    def _doubts(self) -> list[tuple[bool, str]]:
        return [
            *super()._doubts(),
            (not 0 <= self.flip <= 1, "flip must be between 0 and 1"),
            (
                not 0 < self.scales[0] <= self.scales[1] <= 1,
                "scales must be LOW,HIGH with 0 < LOW ≤ HIGH ≤ 1",
            ),
        ]


RECIPES: dict[str, Callable[[], PromptRecipe]] = {"seggpt_prompt": PromptRecipe}
