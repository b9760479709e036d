"""SAM's recipes: the paper's, and those for the rest of us. Most vary another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from anymask.training.sam.recipe import SamRecipe
from anymask.weights.registry import DEFAULT


def paper() -> SamRecipe:
    """ViT-H as the paper trains it on SA-1B (§A): 90k steps of 256 images, no augmentation."""
    return SamRecipe(encoder="vit-h", decoder_dropout=0.1, checkpointing=True, precision="bfloat16")


def paper_vit_l() -> SamRecipe:
    """ViT-L as the paper trains it for its ablations (§A)."""
    return replace(
        paper_vit_b(), name="paper_vit_l", encoder="vit-l", lr=4e-4, layer_decay=0.8, drop_path=0.4
    )


def paper_vit_b() -> SamRecipe:
    """ViT-B as the paper trains it for its ablations (§A): 180k steps of 128 images.

    When the learning rate falls it does not say: here at the same shares of the steps as ViT-H's.
    """
    return replace(
        paper(),
        name="paper_vit_b",
        encoder="vit-b",
        lr=8e-4,
        layer_decay=0.6,
        drop_path=0.6,
        batch=128,
        steps=180_000,
        milestones=(120_000, 173_333),
    )


def assisted() -> SamRecipe:
    """The data engine's first two stages (§A): as the paper's, with large-scale jitter."""
    return replace(paper(), name="assisted", jitter=(0.1, 2.0))


def automatic() -> SamRecipe:
    """The model that made SA-1B's masks (§B): three decoder layers, no boxes, four points.

    When the learning rate falls it does not say: here at the same shares of the steps as ViT-H's.
    """
    return replace(
        assisted(),
        name="automatic",
        decoder_depth=3,
        further_points=3,
        box_share=0.0,
        steps=177_656,
        milestones=(118_437, 171_073),
    )


def finetune_decoder() -> SamRecipe:
    """Prompt encoder and mask decoder on your images, the image encoder as it is: a laptop's work.

    Embeddings are computed once and kept. Fewer points than the paper's, which found four as good.
    """
    return SamRecipe(
        name="finetune_decoder",
        weights=DEFAULT,
        train_encoder=False,
        steps=100,
        warmup_steps=5,
        lr=1e-4,
        milestones=(70, 90),
        weight_decay=0.01,
        layer_decay=1.0,
        drop_path=0.0,
        clip_norm=1.0,
        batch=4,
        images_per_pass=4,
        masks_per_pass=16,
        prompts_per_pass=4,
        further_points=3,
        holdout=0.15,
        validation_images=16,
        validation_masks=32,
        validate_every=50,
        save_every=25,
    )


def retrain() -> SamRecipe:
    """The data engine's retraining (§4) on some hundred images, minutes on a processor.

    First, which of the three masks of a click these annotators mean; then the masks, gently, small
    objects counting more than they are drawn; then again which of them is meant.
    """
    return replace(
        finetune_decoder(),
        name="retrain",
        steps=210,
        ranking_steps=(25, 65),
        ranking_clicks=1,
        lr=4e-5,
        milestones=(110,),
        ema=0.9,
        prompts_per_pass=8,
        balance_sizes=0.5,
        surest_share=0.4,
        clear_weight=0.3,
        flip=0.5,
        further_points=0,
        box_share=0.1,
        idle_rounds=False,
    )


def text_prompts() -> SamRecipe:
    """Text as a prompt (§7.5, §D.5), at home: what is said of each mask's crop comes first.

    A point follows, so that one beside words is understood. Some masks get a point alone, so that
    points stay what they were. The paper's least mask, 100² px of images of 1500×2250, is a 340th
    of the image; as much of COCO's has 30² px.
    """
    return replace(
        finetune_decoder(),
        name="text_prompts",
        text_encoder="names",
        text_share=0.85,
        text_lr=10.0,
        least_mask_px=900,
        box_share=0.0,
        further_points=1,
        idle_rounds=False,
        surest_share=0.4,
        clear_weight=0.3,
        flip=0.5,
        ema=0.98,
        steps=1000,
        warmup_steps=10,
        lr=2e-4,
        milestones=(700, 900),
        precision="bfloat16",
        prompts_per_pass=8,
        holdout=0.05,
        validation_images=8,
        validation_masks=4,
        validate_every=250,
        save_every=25,
    )


def paper_text() -> SamRecipe:
    """Text as a prompt, as the paper trains it (§D.5): 120k steps of 128 images with jitter."""
    return replace(
        assisted(),
        name="paper_text",
        text_encoder="names",
        least_mask_px=100**2,
        batch=128,
        steps=120_000,
        milestones=(80_000, 115_555),
    )


def finetune_lora() -> SamRecipe:
    """The head, and the image encoder by LoRA (arXiv 2106.09685) on its qkv projections."""
    return replace(
        finetune_decoder(),
        name="finetune_lora",
        train_encoder=True,
        lora_rank=8,
        images_per_pass=1,
        checkpointing=True,
    )


def finetune_all() -> SamRecipe:
    """Everything, gently: for some thousands of images and a card."""
    return replace(
        finetune_decoder(),
        name="finetune_all",
        train_encoder=True,
        lr=2e-5,
        layer_decay=0.8,
        drop_path=0.1,
        batch=8,
        images_per_pass=1,
        masks_per_pass=32,
        checkpointing=True,
        steps=3000,
        warmup_steps=100,
        milestones=(2000, 2700),
        further_points=8,
        validate_every=500,
        save_every=250,
    )


def distill_encoder() -> SamRecipe:
    """A small encoder for a large one (as MobileSAM, arXiv 2306.14289): first its embeddings, then
    end to end through the large one's head, which stays as it is."""
    return replace(
        finetune_all(),
        name="distill_encoder",
        weights="sam-vit-h",
        teacher="sam-vit-h",
        encoder="tiny-vit",
        train_head=False,
        train_batch_norms=True,
        lr=1e-3,
        layer_decay=1.0,
        drop_path=0.0,
        batch=8,
        images_per_pass=8,
        masks_per_pass=64,
        checkpointing=False,
        steps=40_000,
        distill_steps=30_000,
        warmup_steps=250,
        milestones=(25_000, 30_000, 38_000),
        validate_every=1000,
        save_every=500,
    )


def second_look() -> SamRecipe:
    """Which of a click's masks is meant, learned from objects that people drew; masks stay as are.

    The loss is what people lose at the first click. A few dozen photographs do.
    """
    return replace(
        finetune_decoder(),
        name="second_look",
        train_head=False,
        second_look=256,
        steps=300,
        ranking_steps=(0, 300),
        milestones=(),
        weight_decay=0.01,
        ema=0.98,
        batch=4,
        images_per_pass=4,
        masks_per_pass=16,
        prompts_per_pass=16,
        validate_every=300,
    )


def distill_decoder() -> SamRecipe:
    """A small model's head learns what a large model answers, its encoder as it is.

    The large one answers clicks on each photograph once, and its answers are kept. On a card take
    ``precision=bfloat16`` and more ``prompts_per_pass``. Learn from images of the kind that the
    model is for: what it gives on others may be less than before.
    """
    return replace(
        finetune_decoder(),
        name="distill_decoder",
        teacher="sam2-hiera-tiny",
        distill_clicks=4,
        distill_in_masks=12,
        taught_weight=0.5,
        ranking_weight=3.0,
        keep_weight=2.0,
        surest_share=0.4,
        steps=120,
        warmup_steps=10,
        lr=1e-4,
        milestones=(80, 108),
        ema=0.95,
        flip=0.5,
        batch=8,
        images_per_pass=8,
        masks_per_pass=128,
        prompts_per_pass=8,
        further_points=2,
        box_share=0.2,
        idle_rounds=False,
        validate_every=60,
    )


RECIPES: dict[str, Callable[[], SamRecipe]] = {
    "paper": paper,
    "paper_vit_b": paper_vit_b,
    "paper_vit_l": paper_vit_l,
    "assisted": assisted,
    "automatic": automatic,
    "finetune_decoder": finetune_decoder,
    "retrain": retrain,
    "text_prompts": text_prompts,
    "paper_text": paper_text,
    "finetune_lora": finetune_lora,
    "finetune_all": finetune_all,
    "distill_encoder": distill_encoder,
    "second_look": second_look,
    "distill_decoder": distill_decoder,
}
