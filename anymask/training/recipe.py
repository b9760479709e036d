"""Recipe: every number of a training run, frozen, and how a person overrides one.

Here are the fields of every family of models; a family adds its own (``training.sam.recipe``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from anymask.core import settings as settings_of
from anymask.errors import RecipeError

PRECISIONS = ("float32", "bfloat16")
COUNTS = ("steps", "batch", "images_per_pass", "log_every", "validate_every", "save_every")

AnyRecipe = TypeVar("AnyRecipe", bound="Recipe")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train a model of any family.

    name: of the recipe.
    weights: the model to start from: a registry row, a folder, a file; "" for random numbers.

    The schedule:
    steps; warmup_steps: of linear warm-up; lr: AdamW's learning rate after it; milestones: steps at
    which it falls by ``lr_decay``; betas; weight_decay; layer_decay: the learning rate of each
    encoder block relative to the next; drop_path: of the last encoder block; clip_norm: longest
    gradient, 0 for any; ema: decay of the moving average that is kept beside the weights, 0: none.

    The data:
    batch: images a step, over all processes; images_per_pass: of one process at once, the rest is
    accumulated; holdout: share of the dataset's parts that is kept for validation where no other
    set is named; share: of the others, how many are learned from;
    split_regions: pictures of masks hold many objects of one value.

    The machine:
    precision: float32 or bfloat16; checkpointing: recompute encoder blocks instead of keeping them;
    sharded: FSDP2 for the encoder instead of DDP.

    The record: log_every, validate_every, save_every: steps; validation_images: at most; seed.

    Of the class: family: whose recipe it is, a row of ``training.families``. added: fields that
    were not there at first, whose default is how it was without them: runs made before go on.
    places: fields that may be paths.
    """

    family: ClassVar[str]
    added: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[tuple[str, ...]] = ("weights",)

    name: str
    weights: str = ""

    steps: int
    warmup_steps: int = 0
    lr: float
    milestones: tuple[int, ...] = ()
    lr_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    layer_decay: float = 1.0
    drop_path: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0

    batch: int
    images_per_pass: int = 1
    holdout: float = 0.0
    share: float = 1.0
    split_regions: bool = False

    precision: str = "float32"
    checkpointing: bool = False
    sharded: bool = False

    log_every: int = 1
    validate_every: int = 1000
    save_every: int = 500
    validation_images: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ``RecipeError`` for numbers that make no run."""
        wrong = [text for is_wrong, text in self._doubts() if is_wrong]
        if wrong:
            raise RecipeError(f"the recipe {self.name} can't be followed: {'; '.join(wrong)}")

    @property
    def may_change(self) -> tuple[str, ...]:
        """Fields that a run may go on with others of: they don't change what a step does."""
        return ("steps", "log_every", "validate_every", "save_every")

    def accumulation(self, world: int) -> int:
        """Passes that each of ``world`` processes makes for a step. Raises ``RecipeError``."""
        passes, rest = divmod(self.batch, self.images_per_pass * world)
        if rest or not passes:
            raise RecipeError(
                f"batch {self.batch} can't be divided into passes of {self.images_per_pass} images "
                f"on {world} processes"
            )
        return passes

    def lr_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0, before layers are told apart."""
        warm = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        return self.lr * warm * self.lr_decay ** sum(step >= fall for fall in self.milestones)

    def to_json(self) -> dict[str, Any]:
        """Field by field, as ``recipe.json`` holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls: type[AnyRecipe], plain: dict[str, Any]) -> AnyRecipe:
        """The inverse of ``to_json``. Raises ``RecipeError`` for other content."""
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(plain, dict) or set(cls.completed(plain)) != known:
            raise RecipeError("this is no recipe of this version of anymask")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in cls.completed(plain).items()
        }
        return cls(**values)

    @classmethod
    def completed(cls, plain: Mapping[str, Any]) -> dict[str, Any]:
        """What ``to_json`` wrote, with the fields that were ``added`` since."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        return {**{name: fields[name].default for name in cls.added}, **plain}

    def _doubts(self) -> list[tuple[bool, str]]:
        """What may be wrong: whether it is, and how to say so."""
        return [
            *((getattr(self, name) < 1, f"{name} must be 1 or more") for name in COUNTS),
            (self.precision not in PRECISIONS, f"precision is none of {', '.join(PRECISIONS)}"),
            (not 0 < self.lr < float("inf"), "lr must be above 0"),
            (not 0 <= self.holdout < 1, "holdout must be between 0 and 1"),
            (not 0 < self.share <= 1, "share must be above 0 and at most 1"),
            (not 0 <= self.ema < 1, "ema must be between 0 and 1"),
            (not 0 <= self.drop_path < 1, "drop_path must be between 0 and 1"),
        ]


def override(recipe: AnyRecipe, settings: Sequence[str]) -> AnyRecipe:
    """Apply ``field=value`` settings in order (``core.settings``). Raises ``RecipeError``."""
    return settings_of.override(recipe, settings, "a recipe", RecipeError)
