"""SAM's recipe: the fields of every family, with the paper's numbers, and those of SAM alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from anymask.core.interaction import Habits
from anymask.training.recipe import Recipe

ENCODERS = ("tiny-vit", "vit-b", "vit-l", "vit-h")
COUNTS = ("masks_per_pass", "prompts_per_pass")


@dataclass(frozen=True, kw_only=True)
class SamRecipe(Recipe):
    """How to train SAM; the paper's numbers (§A, "Training recipe") are the defaults.

    Fields of every family: ``training.recipe.Recipe``.

    What is trained:
    encoder: a new encoder in the place of that of ``weights`` (tiny-vit, vit-b, vit-l, vit-h); ""
    keeps what is there.
    mae: file of an MAE-pretrained ViT to start the encoder from; "" for none.
    decoder_depth: layers of the mask decoder of a model that starts from random numbers.
    decoder_dropout: how often training zeroes what the decoder's attentions and MLPs give (§A: 0.1;
    ``models.two_way`` says where); 0 as in the official code.
    train_encoder: whether the image encoder learns; train_head: prompt encoder and mask decoder.
    second_look: hidden width of a second look at the masks of a click (``models.mask_ranking``),
    which ranking then teaches in the place of the head that predicts IoUs; 0: none is added, and
    that of ``weights`` goes where masks change, of which it knows nothing.
    lora_rank: above 0, the encoder learns by LoRA of that rank on its qkv projections alone;
    lora_alpha: its scale.
    train_batch_norms: whether TinyViT's batch norms learn statistics (small batches spoil them).
    teacher: weights whose embeddings the encoder learns for the first ``distill_steps`` steps, or
    whose answers the head learns.
    distill_clicks: the teacher of the head answers a grid of so many clicks a side on each image,
    and one click in each of ``distill_in_masks`` true masks; 0: no answers are learned.
    taught_weight: how much its masks count; ranking_weight: how much the IoU by which the surest
    mask falls behind; keep_weight: how much that clear prompts are answered as before the training.
    mix: the weights kept are the old ones and so much of their change (arXiv 2203.05482 §2,
    2109.01903).

    The data:
    masks_per_pass: of the images of a pass together, at most; max_mask_fraction: masks over a
    larger share of the image are left out; oversample_manual: how much likelier a mask of an image
    is chosen than one that everything-mode found (§7.6: 10), which its stability score tells;
    jitter: smallest and largest random resizing; flip: how often a kept embedding is mirrored, left
    to right, which is not the mirrored image's, but near enough to learn from.

    The user (``core.interaction.Habits``): further_points, box_share, idle_rounds.

    Text (§7.5, §D.5):
    text_encoder: whose embeddings of masks' crops are first prompts (a name, file or folder that
    ``predict.words.known_encoders`` knows); "" for none. text_share: how often they are; the other
    first prompts are points and boxes. text_lr: how many times faster than the rest the
    projection to tokens learns. least_mask_px: masks with fewer pixels are left out. crop_views: so
    many crops of each mask are embedded, once.

    The loss: focal_weight, dice_weight, iou_weight.
    balance_sizes: how much more small masks count: by their share of the image to minus this power
    (``losses.size_weights``); 0: all alike. surest_share, clear_weight: as of ``LossWeights``.

    Ranking (``sam.ranking``):
    ranking_steps: so many steps at the beginning, and so many at the end, teach the head that
    predicts IoUs, or the second look, alone, from all clicks that these steps make; at the end, it
    begins anew.
    ranking_clicks: on each mask of a step; ranking_lr: from where the learning rate falls to 0
    meanwhile.

    The machine:
    prompts_per_pass: prompts decoded at once; cache: where a frozen encoder's embeddings are kept:
    "auto" for the run's folder, "" for nowhere.

    The record: validation_masks: of an image, at most.
    """

    family: ClassVar[str] = "sam"
    added: ClassVar[tuple[str, ...]] = (
        "decoder_dropout",
        "oversample_manual",
        "balance_sizes",
        "surest_share",
        "clear_weight",
        "flip",
        "idle_rounds",
        "ranking_steps",
        "ranking_clicks",
        "ranking_lr",
        "text_encoder",
        "text_share",
        "text_lr",
        "least_mask_px",
        "crop_views",
        "distill_clicks",
        "distill_in_masks",
        "taught_weight",
        "ranking_weight",
        "keep_weight",
        "mix",
        "second_look",
    )
    places: ClassVar[tuple[str, ...]] = ("weights", "mae", "teacher", "text_encoder")

    name: str = "paper"
    steps: int = 90_000
    warmup_steps: int = 250
    lr: float = 8e-4
    milestones: tuple[int, ...] = (60_000, 86_666)
    weight_decay: float = 0.1
    layer_decay: float = 0.8
    drop_path: float = 0.4
    batch: int = 256

    encoder: str = ""
    mae: str = ""
    decoder_depth: int = 2
    decoder_dropout: float = 0.0
    train_encoder: bool = True
    train_head: bool = True
    second_look: int = 0
    lora_rank: int = 0
    lora_alpha: float = 16.0
    train_batch_norms: bool = False
    teacher: str = ""
    distill_steps: int = 0
    distill_clicks: int = 0
    distill_in_masks: int = 12
    taught_weight: float = 1.0
    ranking_weight: float = 1.0
    keep_weight: float = 0.0
    mix: float = 1.0

    masks_per_pass: int = 64
    max_mask_fraction: float = 0.9
    oversample_manual: float = 1.0
    jitter: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0

    further_points: int = 8
    box_share: float = 0.5
    idle_rounds: bool = True

    text_encoder: str = ""
    text_share: float = 1.0
    text_lr: float = 1.0
    least_mask_px: int = 0
    crop_views: int = 4

    focal_weight: float = 20.0
    dice_weight: float = 1.0
    iou_weight: float = 1.0
    balance_sizes: float = 0.0
    surest_share: float = 0.0
    clear_weight: float = 0.0

    ranking_steps: tuple[int, int] = (0, 0)
    ranking_clicks: int = 2
    ranking_lr: float = 1e-3

    prompts_per_pass: int = 16
    cache: str = "auto"

    validation_masks: int = 16

    @property
    def habits(self) -> Habits:
        """The simulated user's."""
        return Habits(self.further_points, self.box_share, self.idle_rounds)

    @property
    def masks_per_image(self) -> int:
        """Masks of one image of a pass, at most."""
        return self.masks_per_pass // self.images_per_pass

    def ranking_left(self, step: int) -> float:
        """The share of ranking that is left, in the one or the other part; 0 while masks learn."""
        first, last = self.ranking_steps
        if step >= self.steps - last:
            return min(1.0, (self.steps - step) / last)
        return max(0.0, (first - step) / first) if first else 0.0

    def lr_at(self, step: int) -> float:
        """As of every family; while ranking, a straight line down to 0."""
        left = self.ranking_left(step)
        return self.ranking_lr * left if left else super().lr_at(step)

    @property
    def changes_masks(self) -> bool:
        """Whether more than the choice among masks is learned."""
        return self.train_encoder or self.train_head

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
        return bool(self.cache) and (
            self.freezes_embeddings or (self.imitates and not self.jitters)
        )

    @property
    def imitates(self) -> bool:
        """Whether the encoder learns a teacher's embeddings."""
        return bool(self.teacher) and not self.distill_clicks

    @property
    def may_change(self) -> tuple[str, ...]:
        """Fields that a run may go on with others of: they don't change what a step does.

        How many prompts are decoded at once decides what dropout zeroes, where there is dropout.
        """
        prompts = () if self.decoder_dropout else ("prompts_per_pass",)
        return (*super().may_change, *prompts, "cache")

    def _doubts(self) -> list[tuple[bool, str]]:
        return [
            *super()._doubts(),
            *((getattr(self, name) < 1, f"{name} must be 1 or more") for name in COUNTS),
            (self.masks_per_pass < self.images_per_pass, "masks_per_pass is below images_per_pass"),
            (self.encoder not in ("", *ENCODERS), f"encoder is none of {', '.join(ENCODERS)}"),
            (
                not 0 < self.jitter[0] <= self.jitter[1],
                "jitter must be LOW,HIGH with 0 < LOW ≤ HIGH",
            ),
            (not (self.changes_masks or self.second_look), "nothing is trained"),
            (self.second_look < 0, "second_look must be 0 or more"),
            (not 0 <= self.decoder_dropout < 1, "decoder_dropout must be at least 0 and below 1"),
            (self.decoder_dropout > 0 and not self.train_head, "decoder_dropout needs train_head"),
            (not 0 <= self.box_share <= 1, "box_share must be between 0 and 1"),
            (not self.oversample_manual >= 1, "oversample_manual must be 1 or more"),
            (self.further_points < 0, "further_points must be 0 or more"),
            (self.lora_rank > 0 and not self.train_encoder, "lora_rank needs train_encoder"),
            (self.distill_steps > 0 and not self.teacher, "distill_steps need a teacher"),
            (self.distill_steps > self.steps, "distill_steps are more than steps"),
            *self._doubts_of_answers(),
            (min(self.ranking_steps) < 0, "ranking_steps must be 0 or more"),
            (self.ranking_clicks < 1, "ranking_clicks must be 1 or more"),
            (not 0 < self.ranking_lr < float("inf"), "ranking_lr must be above 0"),
            (
                any(self.ranking_steps) and not (self.train_head or self.second_look),
                "ranking_steps need train_head or second_look",
            ),
            (
                self.second_look > 0 and not any(self.ranking_steps),
                "second_look learns by ranking_steps",
            ),
            (any(self.ranking_steps) and self.distill_steps > 0, "ranking_steps bar distill_steps"),
            (self.clear_weight < 0, "clear_weight must be 0 or more"),
            (not 0 <= self.flip <= 1, "flip must be between 0 and 1"),
            (
                self.flip > 0 and (self.train_encoder or self.jitters),
                "flip needs embeddings that are kept: no train_encoder, no jitter",
            ),
            (not 0 <= self.text_share <= 1, "text_share must be between 0 and 1"),
            (not 0 < self.text_lr < float("inf"), "text_lr must be above 0"),
            (bool(self.text_encoder) and not self.train_head, "text_encoder needs train_head"),
            (self.least_mask_px < 0, "least_mask_px must be 0 or more"),
            (self.crop_views < 1, "crop_views must be 1 or more"),
            (self.balance_sizes < 0, "balance_sizes must be 0 or more"),
            (not 0 <= self.surest_share <= 1, "surest_share must be between 0 and 1"),
        ]

    def _doubts_of_answers(self) -> list[tuple[bool, str]]:
        learned = self.distill_clicks > 0
        weights = (self.taught_weight, self.ranking_weight, self.keep_weight)
        return [
            (self.distill_clicks < 0, "distill_clicks must be 0 or more"),
            (self.distill_in_masks < 0, "distill_in_masks must be 0 or more"),
            (learned and not self.teacher, "distill_clicks need a teacher"),
            (learned and self.distill_steps > 0, "distill_clicks bar distill_steps"),
            (
                learned and (self.train_encoder or self.jitters),
                "distill_clicks need embeddings that are kept: no train_encoder, no jitter",
            ),
            (learned and bool(self.text_encoder), "distill_clicks bar text_encoder"),
            (min(weights) < 0, "taught_weight, ranking_weight, keep_weight must be 0 or more"),
            (not 0 < self.mix <= 1, "mix must be above 0 and at most 1"),
        ]
