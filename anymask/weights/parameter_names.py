"""Parameter names: what other libraries call SAM's parameters, as tables to and from ours.

Ours are the official ones. Each table pairs a name of ours with one of theirs; ``{i}`` runs over
the encoder's blocks, ``{j}`` over the decoder's layers, ``{m}`` over mask tokens and ``{n}`` over
points. ``_modules`` expands it into full names.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import torch
from torch import Tensor

from anymask.errors import LayoutError
from anymask.models.sam import SamConfig
from anymask.models.vit import ViTConfig

# In a checkpoint of MobileSAM's: the classifier that TinyViT was trained with before.
MOBILE_SAM_UNUSED = ("image_encoder.norm_head.", "image_encoder.head.")
FOLDED_BIAS = ".c.bias"  # which TinyViT's convolutions have only once a batch norm is folded in
BATCH_NORM_EPS = 1e-5

HUGGING_FACE = (
    ("image_encoder.patch_embed.proj", "vision_encoder.patch_embed.projection"),
    ("image_encoder.pos_embed", "vision_encoder.pos_embed"),
    ("image_encoder.blocks.{i}.norm1", "vision_encoder.layers.{i}.layer_norm1"),
    ("image_encoder.blocks.{i}.norm2", "vision_encoder.layers.{i}.layer_norm2"),
    ("image_encoder.blocks.{i}.attn", "vision_encoder.layers.{i}.attn"),
    ("image_encoder.blocks.{i}.mlp", "vision_encoder.layers.{i}.mlp"),
    ("image_encoder.neck.0", "vision_encoder.neck.conv1"),
    ("image_encoder.neck.1", "vision_encoder.neck.layer_norm1"),
    ("image_encoder.neck.2", "vision_encoder.neck.conv2"),
    ("image_encoder.neck.3", "vision_encoder.neck.layer_norm2"),
    (
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "shared_image_embedding.positional_embedding",
    ),
    ("prompt_encoder.point_embeddings.{n}", "prompt_encoder.point_embed.{n}"),
    ("prompt_encoder.not_a_point_embed", "prompt_encoder.not_a_point_embed"),
    ("prompt_encoder.no_mask_embed", "prompt_encoder.no_mask_embed"),
    ("prompt_encoder.mask_downscaling.0", "prompt_encoder.mask_embed.conv1"),
    ("prompt_encoder.mask_downscaling.1", "prompt_encoder.mask_embed.layer_norm1"),
    ("prompt_encoder.mask_downscaling.3", "prompt_encoder.mask_embed.conv2"),
    ("prompt_encoder.mask_downscaling.4", "prompt_encoder.mask_embed.layer_norm2"),
    ("prompt_encoder.mask_downscaling.6", "prompt_encoder.mask_embed.conv3"),
    ("mask_decoder.iou_token", "mask_decoder.iou_token"),
    ("mask_decoder.mask_tokens", "mask_decoder.mask_tokens"),
    (
        "mask_decoder.transformer.layers.{j}.norm1",
        "mask_decoder.transformer.layers.{j}.layer_norm1",
    ),
    (
        "mask_decoder.transformer.layers.{j}.norm2",
        "mask_decoder.transformer.layers.{j}.layer_norm2",
    ),
    (
        "mask_decoder.transformer.layers.{j}.norm3",
        "mask_decoder.transformer.layers.{j}.layer_norm3",
    ),
    (
        "mask_decoder.transformer.layers.{j}.norm4",
        "mask_decoder.transformer.layers.{j}.layer_norm4",
    ),
    (
        "mask_decoder.transformer.layers.{j}.self_attn",
        "mask_decoder.transformer.layers.{j}.self_attn",
    ),
    (
        "mask_decoder.transformer.layers.{j}.cross_attn_token_to_image",
        "mask_decoder.transformer.layers.{j}.cross_attn_token_to_image",
    ),
    (
        "mask_decoder.transformer.layers.{j}.cross_attn_image_to_token",
        "mask_decoder.transformer.layers.{j}.cross_attn_image_to_token",
    ),
    ("mask_decoder.transformer.layers.{j}.mlp", "mask_decoder.transformer.layers.{j}.mlp"),
    (
        "mask_decoder.transformer.final_attn_token_to_image",
        "mask_decoder.transformer.final_attn_token_to_image",
    ),
    (
        "mask_decoder.transformer.norm_final_attn",
        "mask_decoder.transformer.layer_norm_final_attn",
    ),
    ("mask_decoder.output_upscaling.0", "mask_decoder.upscale_conv1"),
    ("mask_decoder.output_upscaling.1", "mask_decoder.upscale_layer_norm"),
    ("mask_decoder.output_upscaling.3", "mask_decoder.upscale_conv2"),
    (
        "mask_decoder.output_hypernetworks_mlps.{m}.layers.0",
        "mask_decoder.output_hypernetworks_mlps.{m}.proj_in",
    ),
    (
        "mask_decoder.output_hypernetworks_mlps.{m}.layers.1",
        "mask_decoder.output_hypernetworks_mlps.{m}.layers.0",
    ),
    (
        "mask_decoder.output_hypernetworks_mlps.{m}.layers.2",
        "mask_decoder.output_hypernetworks_mlps.{m}.proj_out",
    ),
    ("mask_decoder.iou_prediction_head.layers.0", "mask_decoder.iou_prediction_head.proj_in"),
    ("mask_decoder.iou_prediction_head.layers.1", "mask_decoder.iou_prediction_head.layers.0"),
    ("mask_decoder.iou_prediction_head.layers.2", "mask_decoder.iou_prediction_head.proj_out"),
)
# Hugging Face ties these two; a file may hold either or both.
HUGGING_FACE_POSITIONS = "shared_image_embedding.positional_embedding"
HUGGING_FACE_TIED = "prompt_encoder.shared_embedding.positional_embedding"

MOST_BLOCKS = 64  # more than any encoder has


def from_hugging_face(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the parameters of ``transformers.SamModel``; unknown names stay as they are."""
    state = dict(state)
    tied = state.pop(HUGGING_FACE_TIED, None)
    if tied is not None:
        state.setdefault(HUGGING_FACE_POSITIONS, tied)
    return _rename(state, {theirs: ours for ours, theirs in _modules(HUGGING_FACE)})


def to_hugging_face(state: dict[str, Tensor], config: SamConfig) -> dict[str, Tensor]:
    """Rename ours to the names of ``transformers.SamModel``.

    Raises ``LayoutError`` for an encoder that is no ViT: transformers has no other.
    """
    if not isinstance(config.encoder, ViTConfig):
        raise LayoutError("transformers.SamModel has no TinyViT encoder")
    renamed = _rename(state, dict(_modules(HUGGING_FACE)))
    # A file may not hold one storage twice.
    return renamed | {HUGGING_FACE_TIED: renamed[HUGGING_FACE_POSITIONS].clone()}


def from_mobile_sam(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of MobileSAM's file without those that its model never uses.

    Folded batch norms are unfolded.
    """
    used = {
        name: tensor for name, tensor in state.items() if not name.startswith(MOBILE_SAM_UNUSED)
    }
    return with_batch_norms(used)


def with_batch_norms(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A TinyViT's weights with the batch norms that were folded into its convolutions.

    The norms do nothing but add what folding made the convolution's bias; folded again they give
    the same numbers. Weights whose norms are not folded stay as they are.
    """
    whole: dict[str, Tensor] = {}
    for name, tensor in state.items():
        module = name.removesuffix(FOLDED_BIAS)
        if module == name or f"{module}.bn.weight" in state:
            whole[name] = tensor
            continue
        whole[f"{module}.bn.weight"] = torch.sqrt(torch.ones_like(tensor) + BATCH_NORM_EPS)
        whole[f"{module}.bn.bias"] = tensor
        whole[f"{module}.bn.running_mean"] = torch.zeros_like(tensor)
        whole[f"{module}.bn.running_var"] = torch.ones_like(tensor)
        whole[f"{module}.bn.num_batches_tracked"] = torch.tensor(0, device=tensor.device)
    return whole


def hugging_face_config(config: SamConfig) -> dict[str, object]:
    """The ``config.json`` that ``transformers.SamModel`` wants beside the weights.

    Raises ``LayoutError`` as ``to_hugging_face``.
    """
    encoder = config.encoder
    if not isinstance(encoder, ViTConfig):
        raise LayoutError("transformers.SamModel has no TinyViT encoder")
    return {
        "model_type": "sam",
        "architectures": ["SamModel"],
        "vision_config": {
            "hidden_size": encoder.width,
            "output_channels": encoder.out_channels,
            "num_hidden_layers": encoder.depth,
            "num_attention_heads": encoder.heads,
            "image_size": encoder.image_px,
            "patch_size": encoder.patch_px,
            "window_size": encoder.window,
            "global_attn_indexes": list(encoder.global_blocks),
            "mlp_dim": int(encoder.width * encoder.mlp_ratio),
            "num_pos_feats": config.decoder.width // 2,
        },
        "prompt_encoder_config": {
            "hidden_size": config.decoder.width,
            "image_size": encoder.image_px,
            "patch_size": encoder.patch_px,
            "mask_input_channels": config.mask_channels,
        },
        "mask_decoder_config": {
            "hidden_size": config.decoder.width,
            "num_hidden_layers": config.decoder.depth,
            "num_attention_heads": config.decoder.heads,
            "mlp_dim": config.decoder.mlp_hidden,
            "num_multimask_outputs": config.decoder.mask_tokens - 1,
            "iou_head_depth": config.decoder.iou_head_depth,
            "iou_head_hidden_dim": config.decoder.iou_head_hidden,
            "layer_norm_eps": 1e-5,  # the official decoder's; transformers assumes another
        },
    }


def _modules(table: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The table with every ``{i}``, ``{j}``, ``{m}`` and ``{n}`` written out."""
    pairs = []
    for ours, theirs in table:
        indices = [letter for letter in "ijmn" if f"{{{letter}}}" in ours]
        for numbers in product(range(MOST_BLOCKS), repeat=len(indices)):
            values = dict(zip(indices, numbers))
            pairs.append((ours.format(**values), theirs.format(**values)))
    return pairs


def _rename(state: dict[str, Tensor], modules: dict[str, str]) -> dict[str, Tensor]:
    """Replace the longest known module at the start of each name."""
    renamed = {}
    for name, tensor in state.items():
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            module = modules.get(".".join(parts[:end]))
            if module is not None:
                name = ".".join([module, *parts[end:]])
                break
        renamed[name] = tensor
    return renamed
