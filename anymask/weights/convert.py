"""Convert: other people's SAM weights to a checkpoint of ours, and back.

Which layout a file has is read off its parameters' names, the size of the model off their shapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from anymask.core.atomic import make_folder, writing
from anymask.errors import LayoutError
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.sam import SamConfig
from anymask.models.tiny_vit import TINY_VIT_5M
from anymask.models.vit import ViTConfig
from anymask.weights import parameter_names
from anymask.weights.checkpoint import CONFIG_FILE, WEIGHTS_FILE, Checkpoint
from anymask.weights.state_file import write_pickle, write_safetensors

State = Mapping[str, Tensor]


def to_checkpoint(state: dict[str, Tensor], name: str, sha256: str, source: str) -> Checkpoint:
    """The checkpoint of weights in any known layout. Raises ``LayoutError`` for others.

    name: what to call the model; sha256: of its file; source: what was named, for messages and
    ``Checkpoint.made_by``.
    """
    if parameter_names.is_hugging_face(state):
        state, layout = parameter_names.from_hugging_face(state), "huggingface"
    elif any(parameter.startswith("image_encoder.layers.") for parameter in state):
        state, layout = parameter_names.from_mobile_sam(state), "mobile-sam"
    elif any(parameter.startswith("image_encoder.blocks.") for parameter in state):
        layout = "official"
    else:
        raise LayoutError(
            f"{source} holds no SAM weights that anymask knows (official, MobileSAM or "
            f"Hugging Face); its first name is {next(iter(state), 'missing')!r}"
        )
    made_by = {"source": source, "layout": layout, "sha256": sha256}
    return Checkpoint(name, config_of(state), state, sha256, made_by)


def write_official(checkpoint: Checkpoint, path: Path) -> None:
    """Write a ``.pth`` that the official package loads strictly.

    MobileSAM's package also wants the classifier that it never uses: it loads the file with
    ``strict=False``.
    """
    write_pickle(checkpoint.state, path)


def write_hugging_face(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a folder for ``transformers.SamModel.from_pretrained``."""
    state = parameter_names.to_hugging_face(dict(checkpoint.state), checkpoint.config)
    config = json.dumps(parameter_names.hugging_face_config(checkpoint.config), indent=2)
    make_folder(folder)
    write_safetensors(state, folder / WEIGHTS_FILE)
    with writing(folder / CONFIG_FILE) as part:
        part.write_text(config + "\n")


def config_of(state: State) -> SamConfig:
    """The config that weights under our names were made for, read off their shapes.

    Raises ``LayoutError`` for incomplete weights and shapes of no SAM.
    """
    try:
        encoder = _vit(state) if "image_encoder.pos_embed" in state else TINY_VIT_5M
        return SamConfig(
            encoder=encoder,
            decoder=_decoder(state),
            mask_channels=len(state["prompt_encoder.mask_downscaling.3.bias"]),
        )
    except KeyError as error:
        raise LayoutError(f"the weights are incomplete: {error.args[0]} is missing") from None
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise LayoutError(f"the weights have shapes of no SAM: {error}") from None


def _vit(state: State) -> ViTConfig:
    _, grid, _, width = state["image_encoder.pos_embed"].shape
    patch_px = state["image_encoder.patch_embed.proj.weight"].shape[-1]
    depth = _count(state, r"image_encoder\.blocks\.(\d+)\.")
    tables = [state[f"image_encoder.blocks.{i}.attn.rel_pos_h"] for i in range(depth)]
    # A block's table of relative positions has an entry for every distance on its grid.
    sides = [(len(table) + 1) // 2 for table in tables]
    local = [side for side in sides if side != grid]
    return ViTConfig(
        width=width,
        depth=depth,
        heads=width // tables[0].shape[1],
        global_blocks=tuple(i for i, side in enumerate(sides) if side == grid),
        image_px=grid * patch_px,
        patch_px=patch_px,
        window=local[0] if local else ViTConfig.window,
        mlp_ratio=len(state["image_encoder.blocks.0.mlp.lin1.bias"]) / width,
        out_channels=len(state["image_encoder.neck.1.weight"]),
    )


def _decoder(state: State) -> MaskDecoderConfig:
    prefix = "mask_decoder"
    return MaskDecoderConfig(
        depth=_count(state, r"mask_decoder\.transformer\.layers\.(\d+)\."),
        width=state[f"{prefix}.iou_token.weight"].shape[1],
        mlp_hidden=len(state[f"{prefix}.transformer.layers.0.mlp.lin1.bias"]),
        mask_tokens=len(state[f"{prefix}.mask_tokens.weight"]),
        iou_head_hidden=len(state[f"{prefix}.iou_prediction_head.layers.0.bias"]),
        iou_head_depth=_count(state, r"mask_decoder\.iou_prediction_head\.layers\.(\d+)\."),
    )


def _count(state: State, pattern: str) -> int:
    """How many numbers occur where ``pattern`` has its group."""
    return len({match[1] for name in state if (match := re.match(pattern, name))})
