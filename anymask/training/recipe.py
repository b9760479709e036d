"""Recipe: every number of a training run, frozen, and how a person overrides one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anymask.core import settings as settings_of
from anymask.core.interaction import Habits
from anymask.errors import RecipeError

ENCODERS = ("tiny-vit", "vit-b", "vit-l", "vit-h")
PRECISIONS = ("float32", "bfloat16")
COUNTS = (
    "steps", "batch", "images_per_pass", "masks_per_pass", "prompts_per_pass", "log_every",
    "validate_every", "save_every",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How to train; the paper's numbers (§A, "Training recipe") are the defaults.

    name: of the recipe.

    What is trained:
    weights: the model to start from: a registry row, a folder, a file; "" for random numbers.
    encoder: a new encoder in its place (tiny-vit, vit-b, vit-l, vit-h); "" keeps what is there.
    mae: file of an MAE-pretrained ViT to start the encoder from; "" for none.
    decoder_depth: layers of the mask decoder of a model that starts from random numbers.
    train_encoder: whether the image encoder learns; train_head: prompt encoder and mask decoder.
    lora_rank: above 0, the encoder learns by LoRA of that rank on its qkv projections alone;
    lora_alpha: its scale.
    train_batch_norms: whether TinyViT's batch norms learn statistics (small batches spoil them).
    teacher: weights whose embeddings the encoder learns for the first ``distill_steps`` steps.

    The schedule:
    steps; warmup_steps: of linear warm-up; lr: AdamW's learning rate after it; milestones: steps at
    which it falls by ``lr_decay``; betas; weight_decay; layer_decay: the learning rate of each
    encoder block relative to the next; drop_path: of the last encoder block; clip_norm: longest
    gradient, 0 for any; ema: decay of the moving average that is kept beside the weights, 0: none.

    The data:
    batch: images a step, over all processes; images_per_pass: of one process at once, the rest is
    accumulated; masks_per_pass: of these images together, at most; max_mask_fraction: masks over a
    larger share of the image are left out; jitter: smallest and largest random resizing;
    holdout: share of the dataset's parts that is kept for validation where no other set is named;
    share: of the others, how many are learned from;
    split_regions: pictures of masks hold many objects of one value.

    The user (``core.interaction.Habits``): further_points, box_share.

    The loss: focal_weight, dice_weight, iou_weight.

    The machine:
    precision: float32 or bfloat16; checkpointing: recompute encoder blocks instead of keeping them;
    prompts_per_pass: prompts decoded at once; cache: where a frozen encoder's embeddings are kept:
    "auto" for the run's folder, "" for nowhere; sharded: FSDP2 for the encoder instead of DDP.

    The record: log_every, validate_every, save_every: steps; validation_images,
    validation_masks: at most, the latter of an image; seed.
    """

    name: str = "paper"
    weights: str = ""
    encoder: str = ""
    mae: str = ""
    decoder_depth: int = 2
    train_encoder: bool = True
    train_head: bool = True
    lora_rank: int = 0
    lora_alpha: float = 16.0
    train_batch_norms: bool = False
    teacher: str = ""
    distill_steps: int = 0

    steps: int = 90_000
    warmup_steps: int = 250
    lr: float = 8e-4
    milestones: tuple[int, ...] = (60_000, 86_666)
    lr_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.1
    layer_decay: float = 0.8
    drop_path: float = 0.4
    clip_norm: float = 0.0
    ema: float = 0.0

    batch: int = 256
    images_per_pass: int = 1
    masks_per_pass: int = 64
    max_mask_fraction: float = 0.9
    jitter: tuple[float, float] = (1.0, 1.0)
    holdout: float = 0.0
    share: float = 1.0
    split_regions: bool = False

    further_points: int = 8
    box_share: float = 0.5

    focal_weight: float = 20.0
    dice_weight: float = 1.0
    iou_weight: float = 1.0

    precision: str = "float32"
    checkpointing: bool = False
    prompts_per_pass: int = 16
    cache: str = "auto"
    sharded: bool = False

    log_every: int = 1
    validate_every: int = 1000
    save_every: int = 500
    validation_images: int = 64
    validation_masks: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ``RecipeError`` for numbers that make no run."""
        wrong = [text for is_wrong, text in self._doubts() if is_wrong]
        if wrong:
            raise RecipeError(f"the recipe {self.name} can't be followed: {'; '.join(wrong)}")

    @property
    def habits(self) -> Habits:
        """The simulated user's."""
        return Habits(self.further_points, self.box_share)

    @property
    def freezes_embeddings(self) -> bool:
        """Whether an image's embedding stays the same all along: then it can be kept."""
        return not self.train_encoder and not self.jitters

    @property
    def jitters(self) -> bool:
        """Whether images are resized by chance."""
        return self.jitter != (1.0, 1.0)

    @property
    def keeps_embeddings(self) -> bool:
        """Whether embeddings of a frozen encoder or of a teacher go to files."""
        from_files = self.freezes_embeddings or (bool(self.teacher) and not self.jitters)
        return bool(self.cache) and from_files

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
        return self.lr * warm * self.lr_decay ** sum(step >= one for one in self.milestones)

    def to_json(self) -> dict[str, Any]:
        """Field by field, as ``recipe.json`` holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Recipe:
        """The inverse of ``to_json``. Raises ``RecipeError`` for other content."""
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(plain, dict) or set(plain) != known:
            raise RecipeError("this is no recipe of this version of anymask")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()
        }
        return cls(**values)

    def _doubts(self) -> list[tuple[bool, str]]:
        return [
            *((getattr(self, name) < 1, f"{name} must be 1 or more") for name in COUNTS),
            (self.masks_per_pass < self.images_per_pass, "masks_per_pass is below images_per_pass"),
            (self.encoder not in ("", *ENCODERS), f"encoder is none of {', '.join(ENCODERS)}"),
            (self.precision not in PRECISIONS, f"precision is none of {', '.join(PRECISIONS)}"),
            (
                not 0 < self.jitter[0] <= self.jitter[1],
                "jitter must be LOW,HIGH with 0 < LOW ≤ HIGH",
            ),
            (not self.train_encoder and not self.train_head, "nothing is trained"),
            (not 0 < self.lr < float("inf"), "lr must be above 0"),
            (not 0 <= self.holdout < 1, "holdout must be between 0 and 1"),
            (not 0 < self.share <= 1, "share must be above 0 and at most 1"),
            (not 0 <= self.ema < 1, "ema must be between 0 and 1"),
            (not 0 <= self.drop_path < 1, "drop_path must be between 0 and 1"),
            (not 0 <= self.box_share <= 1, "box_share must be between 0 and 1"),
            (self.further_points < 0, "further_points must be 0 or more"),
            (self.lora_rank > 0 and not self.train_encoder, "lora_rank needs train_encoder"),
            (self.distill_steps > 0 and not self.teacher, "distill_steps need a teacher"),
            (self.distill_steps > self.steps, "distill_steps are more than steps"),
        ]


def override(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Apply ``field=value`` settings in order (``core.settings``). Raises ``RecipeError``."""
    return settings_of.override(recipe, settings, "a recipe", RecipeError)
