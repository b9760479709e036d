"""The object detector's recipe: the fields of every family, and those of a detector alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from anymask.models.detector import GROUPS
from anymask.training.recipe import Recipe
from anymask.weights.registry import DEFAULT


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe(Recipe):
    """How to train the detector of the data engine's second stage (§4), in minutes.

    Fields of every family: ``training.recipe.Recipe``. ``weights`` is the model whose embeddings
    are read, not what the detector starts from: that is random numbers.

    The model: channels: of the head; blocks: of its trunk.

    The data: flip: how often an embedding is mirrored, left to right. It is not the embedding of
    the mirrored image, but near enough to learn from.

    The loss: box_weight: of the boxes beside the scores. doubt: the score above which a cell where
    nobody drew an object pulls no more, as there may be one; 1 for never.

    The machine: cache: where embeddings are kept: "auto" for the run's folder, "" for nowhere.
    """

    family: ClassVar[str] = "detector"

    name: str = "detector"
    weights: str = DEFAULT
    steps: int = 600
    warmup_steps: int = 20
    lr: float = 2e-3
    lr_decay: float = 0.316
    milestones: tuple[int, ...] = (400, 525)
    weight_decay: float = 0.05
    clip_norm: float = 5.0
    ema: float = 0.985
    batch: int = 2
    images_per_pass: int = 2
    holdout: float = 0.15
    validate_every: int = 300
    save_every: int = 100

    channels: int = 64
    blocks: int = 2

    flip: float = 0.5

    box_weight: float = 2.0
    doubt: float = 1.0

    cache: str = "auto"

    @property
    def may_change(self) -> tuple[str, ...]:
        """Fields that a run may go on with others of: they don't change what a step does."""
        return (*super().may_change, "cache")

    def _doubts(self) -> list[tuple[bool, str]]:
        width = 2 * GROUPS
        return [
            *super()._doubts(),
            (not self.weights, "a detector needs the weights whose embeddings it reads"),
            (
                self.channels < width or self.channels % width > 0,
                f"channels must be a multiple of {width}",
            ),
            (self.blocks < 1, "blocks must be 1 or more"),
            (not 0 <= self.flip <= 1, "flip must be between 0 and 1"),
            (not 0 < self.doubt <= 1, "doubt must be above 0 and at most 1"),
            (self.box_weight < 0, "box_weight must be 0 or more"),
        ]


RECIPES: dict[str, Callable[[], DetectorRecipe]] = {"detector": DetectorRecipe}
