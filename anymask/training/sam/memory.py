"""What a recipe will need of memory, found without computing anything.

The model is built and run on PyTorch's meta device, where tensors have shapes but no numbers; what
autograd would keep for the backward pass is added up.

Shape legend: B images of a pass, P prompts of a pass, N points, h w low-resolution grid, S side of
the model's input.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam, SamConfig
from anymask.models.vit import ViTConfig
from anymask.training.counting import META, kept_bytes
from anymask.training.needs import Memory
from anymask.training.sam.losses import mask_losses
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.start import encoder_blocks, prepare

ADAM_COPIES = 2  # running means of the gradient and of its square
ATTENTION_COPIES, FLOAT_BYTES = 3, 4


def estimate(recipe: SamRecipe, config: SamConfig) -> Memory:
    """The memory that training a model of this shape by this recipe takes."""
    with META:
        model = prepare(Sam(config), recipe)
    learning = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    copies = 1 + ADAM_COPIES + (recipe.ema > 0)
    share = 0.5 if recipe.precision == "bfloat16" else 1.0  # norms and sums stay in float32
    return Memory(
        weights=sum(p.numel() * p.element_size() for p in model.parameters()),
        gradients=learning * copies,
        encoder=int(_encoder(model, recipe) * share) if recipe.train_encoder else 0,
        head=int(_head(model, recipe) * share),
    )


def _encoder(model: Sam, recipe: SamRecipe) -> int:
    side = model.config.encoder.image_px
    images = torch.empty(recipe.images_per_pass, 3, side, side, device=META)
    model.image_encoder.checkpointing = recipe.checkpointing
    kept = kept_bytes(model, lambda: model.image_encoder(images))
    model.image_encoder.checkpointing = False
    if recipe.checkpointing:  # while a block's gradients are computed, what it keeps is there, too
        kept += _largest_block(model, images)
    return kept + ATTENTION_COPIES * _attention(model) * recipe.images_per_pass


def _attention(model: Sam) -> int:
    """The attention of every position to every other in a block of a ViT, whose windows are small.

    A processor's kernel makes scores and weights as whole matrices, and a gradient of either; what
    autograd keeps does not show them.
    """
    config = model.config.encoder
    if not isinstance(config, ViTConfig):
        return 0
    return FLOAT_BYTES * config.heads * config.grid**4


def _largest_block(model: Sam, images: Tensor) -> int:
    """What the block of the encoder that keeps most keeps of a pass."""
    sizes: list[int] = []

    def watched(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def measured(*inputs: Tensor) -> Tensor:
            sizes.append(kept_bytes(model, lambda: run(*inputs)))
            return run(*inputs)

        return measured

    blocks = list(encoder_blocks(model))
    for block in blocks:
        block.forward = watched(block.forward)
    try:
        model.image_encoder(images)
    finally:
        for block in blocks:
            del block.forward
    return max(sizes)


def _head(model: Sam, recipe: SamRecipe) -> int:
    """The longest prompts of a run, some at a time; gradients of as much again pass through."""
    features, batch = head_inputs(model, recipe)
    features.requires_grad_(recipe.train_encoder)
    side = 4 * model.config.encoder.grid
    truth = torch.empty(recipe.prompts_per_pass, side, side, dtype=torch.bool, device=META)

    def run() -> Tensor:
        logits, predicted = model.decode(features, batch, which=slice(0, 1))
        losses = mask_losses(logits, truth)
        return losses.focal.sum() + losses.dice.sum() + predicted.sum()

    return kept_bytes(model, run)


def head_inputs(model: Sam, recipe: SamRecipe) -> tuple[Tensor, PromptBatch]:
    """Embeddings (B, C, h, w), and the prompts that the longest round of a pass decodes at once."""
    prompts, grid = recipe.prompts_per_pass, model.config.encoder.grid
    points = 2 + recipe.further_points
    features = torch.empty(
        recipe.images_per_pass, model.config.decoder.width, grid, grid, device=META
    )
    return features, PromptBatch(
        torch.empty(prompts, points, 2, device=META),
        torch.ones(prompts, points, dtype=torch.int64, device=META),
        torch.zeros(prompts, dtype=torch.int64, device=META),
        torch.empty(prompts, 1, 4 * grid, 4 * grid, device=META),
    )
