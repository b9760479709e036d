"""SegGPT's recipes: the fields of every family, those of SegGPT alone, and the numbers of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from anymask.training.recipe import Recipe

SIZES = ("tiny", "small", "vit-l")  # ``training.seggpt.start.CONFIGS`` says of what


@dataclass(frozen=True, kw_only=True)
class SegGPTRecipe(Recipe):
    """How to train SegGPT; the paper's numbers (§4.1) are the defaults.

    Fields of every family: ``training.recipe.Recipe``. The learning rate falls along a cosine, to
    ``least_lr`` at the last step; ``milestones`` are not looked at.

    The model:
    size: of a new model; "" for that of ``weights``. dino: a registry row or a file of a DINOv2 to
    start a new model's blocks from; "" for random numbers. frozen_blocks: how many of the first
    blocks don't learn, and with them nothing before them.

    The data:
    mix: how often one side of a pair is several images stitched together (§3.1, context mixing), of
    which there are mix_images. plain_colors: how often labels have the colours that inference
    paints with. views: of images whose objects may be told apart, how often the context is another
    view of the same image, each object in its colour. most_labels: of a pair. several: how often
    there may be more than one. least_share: of its image that a label of a pair covers, at least.
    scales: of an image's area that a random cut takes. jitter: of colours; jittered: how often.
    flip: how often a side is mirrored.

    The target (*Painter* §3.2): half_mask: how often the query's half of it is hidden; otherwise
    random blocks of both halves, mask_share of the patches.

    The loss: balance: how much the few pixels with a label count beside the many without one, from
    0, as pixels, as in the paper, to 1, both halves of a scene's loss. A short training that counts
    pixels paints everything black, which is right of most.

    contexts: images, at most, of which it is kept in mind what they show, to find contexts among.
    """

    family: ClassVar[str] = "seggpt"
    places: ClassVar[tuple[str, ...]] = ("weights", "dino")

    name: str = "seggpt_vit_l"
    steps: int = 9_000
    warmup_steps: int = 1_800
    lr: float = 1e-4
    least_lr: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.05
    drop_path: float = 0.1
    layer_decay: float = 0.8
    clip_norm: float = 3.0
    batch: int = 2_048
    images_per_pass: int = 4
    precision: str = "bfloat16"
    checkpointing: bool = True
    holdout: float = 0.01

    size: str = "vit-l"
    dino: str = ""
    frozen_blocks: int = 0

    mix: float = 0.3
    mix_images: int = 4
    plain_colors: float = 0.0
    views: float = 0.5
    most_labels: int = 16
    several: float = 1.0
    least_share: float = 0.0
    scales: tuple[float, float] = (0.3, 1.0)
    jitter: float = 0.4
    jittered: float = 0.8
    flip: float = 0.5

    half_mask: float = 0.1
    mask_share: float = 0.5

    balance: float = 0.0

    contexts: int = 20_000

    def lr_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0: up in a line, down along a cosine."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        return self.least_lr + (self.lr - self.least_lr) * (1 + math.cos(math.pi * done)) / 2

    @property
    def may_change(self) -> tuple[str, ...]:
        """Fields that a run may go on with others of; the cosine ends where the steps do."""
        return tuple(name for name in super().may_change if name != "steps")

    def _doubts(self) -> list[tuple[bool, str]]:
        shares = (
            "mix",
            "plain_colors",
            "views",
            "several",
            "jittered",
            "flip",
            "half_mask",
            "balance",
        )
        return [
            *super()._doubts(),
            (self.size not in ("", *SIZES), f"size is none of {', '.join(SIZES)}"),
            (not self.size and not self.weights, "there are neither weights nor a size"),
            *((not 0 <= getattr(self, name) <= 1, f"{name} must be 0 to 1") for name in shares),
            (not 0 < self.mask_share <= 1, "mask_share must be above 0 and at most 1"),
            (not 0 <= self.least_share < 1, "least_share must be at least 0 and below 1"),
            (
                not 0 < self.scales[0] <= self.scales[1] <= 1,
                "scales must be LOW,HIGH with 0 < LOW ≤ HIGH ≤ 1",
            ),
            (not 0 <= self.jitter < 1, "jitter must be at least 0 and below 1"),
            (self.most_labels < 1, "most_labels must be 1 or more"),
            (self.mix_images < 2, "mix_images must be 2 or more"),
            (self.contexts < 1, "contexts must be 1 or more"),
            (self.frozen_blocks < 0, "frozen_blocks must be 0 or more"),
        ]


def seggpt_small() -> SegGPTRecipe:
    """A ViT-S of 448 pixels that one card trains in minutes to hours, best from a DINOv2."""
    return replace(
        SegGPTRecipe(),
        name="seggpt_small",
        size="small",
        steps=6_000,
        warmup_steps=300,
        lr=5e-4,
        batch=64,
        images_per_pass=16,
        half_mask=0.5,
        plain_colors=0.2,
        several=0.5,
        least_share=0.005,
        checkpointing=False,
        holdout=0.05,
    )


def seggpt_tiny() -> SegGPTRecipe:
    """What a processor trains within an hour, from a DINOv2 whose first ten blocks stay."""
    return replace(
        SegGPTRecipe(),
        name="seggpt_tiny",
        size="tiny",
        steps=600,
        warmup_steps=20,
        lr=1.6e-3,
        drop_path=0.0,
        layer_decay=0.4,
        clip_norm=1.0,
        ema=0.98,
        batch=4,
        images_per_pass=4,
        checkpointing=False,
        holdout=0.1,
        frozen_blocks=10,
        mix=0.0,
        half_mask=1.0,
        plain_colors=0.8,
        several=0.1,
        most_labels=4,
        least_share=0.02,
        scales=(0.4, 1.0),
        jitter=0.2,
        jittered=0.5,
        views=0.0,
        balance=1.0,
        validate_every=150,
        save_every=50,
        validation_images=48,
    )


RECIPES: dict[str, Callable[[], SegGPTRecipe]] = {
    "seggpt_vit_l": SegGPTRecipe,
    "seggpt_small": seggpt_small,
    "seggpt_tiny": seggpt_tiny,
}
