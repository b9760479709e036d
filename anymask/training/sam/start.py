"""The model a run starts from, and which of its parameters learn at what pace.

Parameter groups follow ViTDet (arXiv 2203.16527, §A.2), which §A cites for its recipe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from anymask.errors import RecipeError
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.sam import MOBILE_SAM, SAM_VIT_B, SAM_VIT_H, SAM_VIT_L, Sam, SamConfig
from anymask.models.text import TextConfig
from anymask.models.vit import ViT
from anymask.predict.words.known_encoders import text_config
from anymask.training.sam.lora import add_lora
from anymask.training.sam.recipe import SamRecipe
from anymask.weights.adapters.half_tensors import RANKING
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint
from anymask.weights.mae import load_mae

CONFIGS = {
    "tiny-vit": MOBILE_SAM,
    "vit-b": SAM_VIT_B,
    "vit-l": SAM_VIT_L,
    "vit-h": SAM_VIT_H,
}
TEXT = "prompt_encoder.text_projection."
BLOCK = re.compile(r"image_encoder\.(?:blocks|layers)\.(\d+)\.")


def start_model(recipe: SamRecipe, offline: bool | None = None) -> Sam:
    """The model before the first step, in training mode where it learns.

    Raises ``RecipeError``, and ``WeightsError`` for weights that can't be had or don't fit.
    """
    start = load_checkpoint(recipe.weights, offline=offline) if recipe.weights else None
    torch.manual_seed(recipe.seed)
    model = start.build_sam() if start and not recipe.encoder else _new_model(recipe, start)
    if recipe.text_encoder:
        model = _reading(model, text_config(recipe.text_encoder))
    model = looking_twice(model, width_of_second_look(recipe, model.config))
    if recipe.mae:
        load_mae(Path(recipe.mae), model)
    return prepare(model, recipe)


def config_of(recipe: SamRecipe, offline: bool | None = None) -> SamConfig:
    """The shape of the model that ``start_model`` gives. Raises as it does."""
    start = load_checkpoint(recipe.weights, offline=offline) if recipe.weights else None
    config = start.sam_config if start and not recipe.encoder else _new_config(recipe, start)
    config = config.looking_twice(width_of_second_look(recipe, config))
    return replace(config, text=text_config(recipe.text_encoder)) if recipe.text_encoder else config


def prepare(model: Sam, recipe: SamRecipe) -> Sam:
    """Freeze and thaw what the recipe says; switch on LoRA, drop path, dropout and recomputing."""
    encoder = model.image_encoder
    model.requires_grad_(False)
    for part in (model.prompt_encoder, model.mask_decoder):
        part.requires_grad_(recipe.train_head)
    if model.mask_decoder.ranking is not None:
        model.mask_decoder.ranking.requires_grad_(bool(recipe.second_look))
    encoder.requires_grad_(recipe.train_encoder)
    if recipe.lora_rank:
        add_lora(encoder, recipe.lora_rank, recipe.lora_alpha)
    if recipe.decoder_dropout:
        model.mask_decoder.set_dropout(recipe.decoder_dropout)
    if recipe.drop_path and isinstance(encoder, ViT) and recipe.train_encoder:
        encoder.set_drop_path(recipe.drop_path)
    encoder.checkpointing = recipe.checkpointing
    set_training(model, recipe)
    return model


def set_training(model: Sam, recipe: SamRecipe) -> None:
    """Training mode; batch norms keep their statistics unless the recipe lets them learn."""
    model.train()
    if not recipe.train_batch_norms:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def parameter_groups(model: Sam, recipe: SamRecipe) -> list[dict[str, object]]:
    """What AdamW takes: parameters that learn alike, with ``lr_scale`` beside the learning rate.

    Norms, biases and positions don't decay. A block's learning rate is ``layer_decay`` times that
    of the next one, what comes before the first block one step less, the neck's and the head's is
    whole. Raises ``RecipeError`` if nothing learns.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = 0.0 if _never_decays(name, parameter) else recipe.weight_decay
            scale = recipe.text_lr if name.startswith(TEXT) else 1.0
            key = (scale * _lr_scale(name, model, recipe.layer_decay), decay)
            groups.setdefault(key, []).append(parameter)
    if not groups:
        raise RecipeError(f"the recipe {recipe.name} leaves nothing to learn in this model")
    return [
        {"params": params, "lr_scale": scale, "weight_decay": decay}
        for (scale, decay), params in sorted(groups.items(), key=lambda pair: pair[0])
    ]


def encoder_blocks(model: Sam) -> Iterator[nn.Module]:
    """The blocks of the encoder, first to last."""
    encoder = model.image_encoder
    if isinstance(encoder, ViT):
        yield from encoder.blocks
    else:
        yield from encoder.layers


def _new_config(recipe: SamRecipe, start: Checkpoint | None) -> SamConfig:
    """The start's with a new encoder, or all new."""
    if not recipe.encoder:
        raise RecipeError("a recipe needs weights to start from, or an encoder to make anew")
    new = CONFIGS[recipe.encoder]
    if start is None:
        return replace(new, decoder=MaskDecoderConfig(depth=recipe.decoder_depth))
    if start.sam_config.encoder.grid != new.encoder.grid:
        raise RecipeError(f"{recipe.weights} has a head that does not fit a {recipe.encoder}")
    return replace(start.sam_config, encoder=new.encoder)


def _new_model(recipe: SamRecipe, start: Checkpoint | None) -> Sam:
    """A model with a new encoder, or all new; the head is the start's where there is one."""
    model = Sam(_new_config(recipe, start))
    if start is not None:
        head = {k: v for k, v in start.state.items() if not k.startswith("image_encoder.")}
        model.load_state_dict(head, strict=False)
    return model


def _reading(model: Sam, text: TextConfig) -> Sam:
    """The model with a projection of these embeddings: its own, or a new one.

    Raises ``RecipeError`` for one that has learned to read others.
    """
    known = model.config.text
    if known == text:
        return model
    if known is not None:
        raise RecipeError(
            f"the model reads {known.space}, and the recipe has it learn {text.space}"
        )
    reading = Sam(replace(model.config, text=text))
    reading.load_state_dict(model.state_dict(), strict=False)
    return reading


def width_of_second_look(recipe: SamRecipe, config: SamConfig) -> int | None:
    """The hidden width of the model's second look, of what it starts from; None: it has none.

    One that was learned is of the masks that there were then: where those change, it goes.
    """
    if recipe.second_look:
        return recipe.second_look
    return None if recipe.changes_masks else config.decoder.ranking


def looking_twice(model: Sam, hidden: int | None) -> Sam:
    """The model with a second look of this width, its own or a new one that changes nothing, or
    (None) without any."""
    if model.config.decoder.ranking == hidden:
        return model
    looking = Sam(model.config.looking_twice(hidden))
    kept = {k: v for k, v in model.state_dict().items() if not k.startswith(RANKING)}
    looking.load_state_dict(kept, strict=False)
    return looking


def _never_decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim < 2 or "pos_embed" in name or "rel_pos" in name


def _lr_scale(name: str, model: Sam, layer_decay: float) -> float:
    blocks = len(list(encoder_blocks(model)))
    block = BLOCK.match(name)
    if block:
        return layer_decay ** (blocks - int(block[1]))
    early = name.startswith(("image_encoder.pos_embed", "image_encoder.patch_embed"))
    return layer_decay ** (blocks + 1) if early else 1.0
